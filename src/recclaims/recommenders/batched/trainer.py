"""Train several cells as one model; each stops when it would stop alone."""

from __future__ import annotations

import functools
import gc
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.utils import early_stopping

from recclaims.errors import CellError, one_line
from recclaims.recommenders._recbole.best_states import BestStates
from recclaims.recommenders._recbole.fit import Fitted, Prepared
from recclaims.recommenders.batched.capture import Step, logger
from recclaims.recommenders.batched.families import batched_form
from recclaims.recommenders.batched.model import BatchedModel
from recclaims.recommenders.batched.ranking import Validation
from recclaims.recommenders.batched.sampling import CellBatches

#: Cells that have stopped go on being computed until no more than this share of a group is left, and then leave it:
#: a smaller group has to be built and captured anew.
SHARE_LEFT = 0.5


def shape(cell: Prepared) -> tuple[Any, ...]:
    """What cells must have in common to be trained together."""
    return (
        type(cell.model),
        type(cell.batches),
        len(cell.batches),
        cell.batches.batches_a_pass(),
        cell.batches.batch_size,
        tuple((name, tuple(value.shape)) for name, value in cell.model.named_parameters()),
        cell.modalities,
        repr(sorted(cell.settings.items())),
    )


@dataclass
class _State:
    """How far a cell is; `number` is its place among those that were given, `place` that in the group now."""

    number: int
    place: int
    best: float = -math.inf
    not_better: int = 0
    epochs: int = 0
    stopped: bool = False
    error: CellError | None = None
    states: BestStates = field(default_factory=BestStates)
    best_epoch: int = 0


class Together:
    """Trains cells of one shape.

    Args:
        cells: ready to be trained, of equal `shape`.
        device: where.
        dtype: float32, as cells are trained alone; float64 shows that cells do not touch each other.
        capture: whether a GPU plays back a step, see Step.

    Raises:
        ValueError: the cells are not of one shape.
    """

    def __init__(
        self,
        cells: Sequence[Prepared],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        capture: bool = True,
    ) -> None:
        if len({shape(cell) for cell in cells}) != 1:
            raise ValueError("only cells of one shape can be trained together")
        self._cells, self._device, self._dtype, self._capture = cells, device, dtype, capture
        settings = cells[0].settings
        self._epochs: int = settings["epochs"]
        self._eval_step = min(settings["eval_step"], self._epochs)
        self._patience: int = settings["stopping_step"]
        self._rate: float = settings["learning_rate"]
        self._decay: float = settings["weight_decay"]
        factor, per = settings["learning_rate_decay"] or (1.0, 1.0)
        self._factor, self._per = float(factor), float(per)
        self._states = [
            _State(number, number, states=BestStates(settings["average_best"])) for number in range(len(cells))
        ]
        self._gather(self._states)

    def _gather(self, states: Sequence[_State]) -> None:
        """Make the group of these cells."""
        cells = [self._cells[state.number] for state in states]
        self._model: BatchedModel = batched_form(type(cells[0].model))(
            [cell.model for cell in cells], self._device, self._dtype
        )
        self._batches = CellBatches([cell.batches for cell in cells], self._device, self._dtype)
        self._validation = Validation(
            [cell.data.valid for cell in cells],
            [cell.seen for cell in cells],
            [cell.seed for cell in cells],
            cells[0].data.n_items,
            self._device,
            [cell.data.among for cell in cells],
        )
        self._parameters = list(self._model.parameters.values())
        on_gpu = self._device.type == "cuda"
        rate = torch.tensor(self._rate, device=self._device) if on_gpu else self._rate
        self._optimizer = torch.optim.Adam(
            self._parameters, lr=rate, weight_decay=self._decay, fused=True, capturable=on_gpu
        )
        # Its first steps are not captured, and are meant not to be.
        self._optimizer._warned_capturable_if_run_uncaptured = True
        self._totals = torch.zeros(len(cells), device=self._device, dtype=self._dtype)
        self._step = Step(self._device, self._capture)
        for place, state in enumerate(states):
            state.place = place

    def _one_step(self, opening: bool = False) -> None:
        batch = self._batches.next()
        loss = self._model.opening_loss(batch) if opening else self._model.loss(batch)
        gradients = torch.autograd.grad(loss.sum(), self._parameters, allow_unused=True)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            # Adam's fused kernel takes memory as it lies, and some gradients are views of wider matrices.
            parameter.grad = None if gradient is None else gradient.contiguous()
        self._optimizer.step()
        self._totals.add_(loss.detach())

    def train_epoch(self, number: int) -> torch.Tensor:
        """Train an epoch, counted from 0; give the sum of each cell's losses, (cells,), on the device."""
        self._model.begin_epoch(number)
        self._batches.draw_epoch(number)
        rate = self._rate * self._factor ** (number / self._per)
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self._totals.zero_()
        opening = self._model.opens_epochs
        if opening:
            self._one_step(opening=True)
        for _ in range(self._batches.steps - opening):
            self._step(self._one_step)
        return self._totals.clone()

    @property
    def captured(self) -> bool:
        """Whether steps are played back."""
        return self._step.captured

    def run(self) -> list[Fitted | CellError]:
        """Train every cell to its end; give for each, in the order of the cells, what it came to or why it failed."""
        started = time.perf_counter()
        alive = list(self._states)
        losses: list[torch.Tensor] = []
        for number in range(self._epochs):
            losses.append(self.train_epoch(number))
            for state in alive:
                state.epochs = number + 1
            if (number + 1) % self._eval_step == 0 or number + 1 == self._epochs:
                self._check_losses(alive, losses, number)
                losses = []
                self._validate(alive, number)
            alive = [state for state in alive if not state.stopped]
            if not alive:
                break
            if len(alive) <= SHARE_LEFT * len(self._parameters[0]) and number + 1 < self._epochs:
                self._leave_behind(alive)
        for state in alive:
            self._finish(state)
        share = (time.perf_counter() - started) / len(self._cells)
        return [self._result(state, share) for state in self._states]

    def _check_losses(self, alive: Sequence[_State], losses: Sequence[torch.Tensor], number: int) -> None:
        table = torch.stack(list(losses)).cpu()
        for state in alive:
            bad = (~torch.isfinite(table[:, state.place])).nonzero()
            if len(bad):
                which = int(bad[0])
                epoch = number + 1 - len(losses) + which + 1
                state.error = CellError(f"training loss is {table[which, state.place].item()} in epoch {epoch}")
                state.stopped = True

    def _validate(self, alive: Sequence[_State], number: int) -> None:
        with torch.no_grad():
            recalls, finite = self._validation(*self._model.final_embeddings())
        for state in alive:
            if state.stopped:
                continue
            if not finite[state.place]:
                state.error, state.stopped = CellError("scores contain NaN or inf"), True
                continue
            recall = recalls[state.place]
            state.best, state.not_better, stop, _ = early_stopping(
                recall, state.best, state.not_better, max_step=self._patience, bigger=True
            )
            state.states.offer(recall, number + 1, functools.partial(self._weights, state.place))
            if stop:
                state.stopped = True
                self._finish(state)

    def _weights(self, place: int) -> dict[str, torch.Tensor]:
        return {name: value[place].detach().clone() for name, value in self._model.parameters.items()}

    def _finish(self, state: _State) -> None:
        """Give the cell's own model its weights: the best, or the last where none was better than nothing."""
        self._model.write_back(state.place, state.states.mean() or self._weights(state.place))
        state.best_epoch = state.states.best_epoch
        state.states.kept.clear()

    def _leave_behind(self, alive: Sequence[_State]) -> None:
        """Go on with these cells alone."""
        places = torch.tensor([state.place for state in alive], device=self._device)
        before = dict(zip(self._model.parameters, self._parameters, strict=True))
        moments = self._optimizer.state
        step = self._batches.step
        self._gather(alive)
        self._batches.step.copy_(step)
        with torch.no_grad():
            for name, parameter in self._model.parameters.items():
                parameter.copy_(before[name].index_select(0, places))
                kept = moments.get(before[name])
                if kept:
                    self._optimizer.state[parameter] = {
                        key: value.index_select(0, places) if value.dim() else value.clone()
                        for key, value in kept.items()
                    }

    def _result(self, state: _State, share: float) -> Fitted | CellError:
        if state.error is not None:
            return state.error
        cell = self._cells[state.number]
        return Fitted(cell.scorer, state.epochs, state.best_epoch, cell.seconds + share, float(state.best))


#: Cells of a group, at most: beyond it a group gains little more.
MOST = 64
#: Of the memory that is free, what a group may ask for: what is estimated is not all.
SHARE_OF_MEMORY = 0.6


def train_together(cells: Sequence[Prepared]) -> list[Fitted | CellError]:
    """Train cells of equal `shape`; where their memory does not suffice, in halves.

    Raises:
        CellError: not even one of them fits.
    """
    device = next(cells[0].model.parameters()).device
    try:
        return Together(cells, device).run()
    except torch.OutOfMemoryError as error:
        if len(cells) == 1:
            raise CellError(f"not enough memory on {device}: {one_line(error)}") from error
    # Outside the handler, whose traceback holds what is to be freed.
    gc.collect()
    torch.cuda.empty_cache()
    half = len(cells) // 2
    logger.info("%d cells do not fit into the memory of %s: tried in halves", len(cells), device)
    return [*train_together(cells[:half]), *train_together(cells[half:])]


def fitting(cell: Prepared) -> int:
    """How many cells like this one fit into the memory that is free, from 1 to MOST."""
    parameters = list(cell.model.parameters())
    device = parameters[0].device
    if device.type != "cuda":
        return MOST
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info(device)[0] * SHARE_OF_MEMORY
    weights = sum(value.numel() for value in parameters)
    fixed = sum(value.numel() for value in cell.model.buffers())
    n_nodes = cell.data.n_users + cell.data.n_items
    width = 2 * int(cell.settings.get("embedding_size", 64))  # VBPR has two embeddings side by side
    # Weights with gradient, two moments, the model's own and those that were best; some twenty matrices of nodes or
    # pairs of a step; an epoch's pairs; and graphs of eight numbers an edge.
    numbers = (5 + int(cell.settings["average_best"])) * weights + 3 * fixed
    numbers += 20 * width * (n_nodes + 3 * cell.batches.batch_size)
    numbers += batched_form(type(cell.model)).held_beside(cell.model, cell.batches.batch_size)
    numbers += 20 * len(cell.batches) * cell.batches.batch_size + 16 * len(cell.data.users)
    return int(max(1, min(MOST, free // (4 * numbers))))
