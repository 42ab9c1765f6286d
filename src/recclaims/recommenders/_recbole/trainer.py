"""RecBole's training loop and early stopping around our batches and our evaluation; nothing is written."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils.clip_grad import clip_grad_norm_

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.trainer import Trainer

from recclaims.errors import CellError
from recclaims.recommenders._recbole.best_states import BestStates
from recclaims.recommenders._recbole.bridge import BridgeConfig, logger


class CellTrainer(Trainer):  # type: ignore[misc]
    """Trains one model, and gives it the mean of its states at the best validations, which are kept in memory.

    Args:
        config: the cell's configuration.
        model: a RecBole model.
        validate: gives the score to be maximised; called every `eval_step` epochs, and after the last one.
    """

    def __init__(self, config: BridgeConfig, model: torch.nn.Module, validate: Callable[[], float]) -> None:
        super().__init__(config, model)
        self.logger = logger
        self.validate = validate
        self.best = BestStates(config["average_best"] or 1)
        self.epochs_run = 0
        # Factor a per b epochs, [a, b], as MMRec's and Elliot's schedules: rate * a^(epoch / b).
        self.decay: tuple[float, float] = tuple(config["learning_rate_decay"] or (1.0, 1.0))

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        if self.learner.lower() != "adam":
            other: torch.optim.Optimizer = super()._build_optimizer(**kwargs)
            return other
        # fused: one pass over the parameters instead of several. `stock` keeps RecBole's way.
        fused = None if self.config["stock"] else True
        return torch.optim.Adam(
            self.model.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=fused
        )

    def _train_epoch(
        self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False
    ) -> float:
        # RecBole's epoch without its gradient scaler, which warns of its age each time it is made.
        self.model.train()
        factor, epochs = self.decay
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * factor ** (epoch_idx / epochs)
        total = torch.zeros((), device=self.device)
        for batch in train_data:
            self.optimizer.zero_grad()
            loss = self.model.calculate_loss(batch.to(self.device))
            loss.backward()
            if self.clip_grad_norm:
                clip_grad_norm_(self.model.parameters(), **self.clip_grad_norm)
            self.optimizer.step()
            total += loss.detach().sum()  # some of RecBole's losses have shape (1,)
        self.epochs_run += 1
        if not bool(torch.isfinite(total)):
            raise CellError(f"training loss is {total.item()} in epoch {epoch_idx + 1}")
        return total.item()

    def _valid_epoch(self, valid_data: Any, show_progress: bool = False) -> tuple[float, dict[str, float]]:
        self.model.eval()
        score = self.validate()
        self.best.offer(score, self.epochs_run, self._state)
        return score, {self.valid_metric: score}

    def _state(self) -> dict[str, Any]:
        weights: dict[str, Any] = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        # What RecBole's models keep beside their weights, as LightGCN's embeddings for scoring.
        return {**weights, **self.model.other_parameter()}

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        pass

    def _add_hparam_to_tensorboard(self, best_valid_result: Any) -> None:
        pass

    def run(self, batches: Any) -> None:
        """Train to the end or until validation stops improving, then restore what was best."""
        self.fit(batches, valid_data=True, verbose=logger.isEnabledFor(10), saved=False)
        if self.epochs_run == self.epochs and self.epochs % self.eval_step:
            # RecBole would have trained the epochs after its last validation for nothing.
            self._valid_epoch(None)
        state = self.best.mean()
        if state:
            weights = self.model.state_dict().keys()
            self.model.load_state_dict({name: state[name] for name in weights})
            self.model.load_other_parameter({name: value for name, value in state.items() if name not in weights})
        self.model.eval()
