"""A loaded model of mteb, and how it makes the rows of items."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims import trust
from recclaims.errors import FeatureError, NotAvailableError, one_line
from recclaims.features.batches import Batches, the_image
from recclaims.features.devices import chosen_device, shown_device
from recclaims.features.encoded import Encoded
from recclaims.features.hub import quiet
from recclaims.features.whole import Gaps, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item


#: Why a model is not loaded unless code of its repository may run.
NEEDS_CODE = (
    "mteb loads it with code of its repository; allow that with --claims-trust-remote-code "
    "(recclaims encode: --trust-remote-code)"
)


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    Attributes:
        model: mteb's wrapper of it.
        task: what it is told that its inputs are for.
        device: what computes.
        gaps: the tensors that its checkpoint lacks.
    """

    model: Any
    task: Any
    device: str
    gaps: Gaps

    @classmethod
    def of(cls, meta: Any, folder: str, device: str, who: str) -> LoadedModel:
        """Load a model as mteb does.

        Args:
            meta: its entry in mteb's registry.
            folder: where its files are; empty: the hub's cache, at the revision that the registry names.
            device: `auto`, or as torch calls it.
            who: the encoder, for messages.

        Raises:
            NotAvailableError: packages are missing that mteb loads it with; says how mteb wants them installed.
            FeatureError: it needs code of its repository, which was not allowed, or tensors have other shapes.
        """
        quiet()
        device = chosen_device(device)
        if folder:
            meta = meta.model_copy(update={"name": folder, "revision": None})
        with watched(who) as gaps, _no_code(who), _quietly():
            try:
                model = meta.load_model(device=device)
            except ImportError as error:
                raise NotAvailableError(f"{who}: {error}") from None
        return cls(model, _task(), shown_device(device), gaps)

    def encode(self, items: Sequence[Item], reads: Sequence[str], batch: int) -> Encoded:
        """Encode items: float32 (n, d), with a record of each.

        Args:
            items: what is encoded.
            reads: of each, out of `image` and `text`.
            batch: items at once.

        Raises:
            FeatureError: rows follow tensors that the checkpoint lacks.
        """
        get: dict[str, Callable[[Item], Any]] = {"image": the_image, "text": lambda item: item.text}

        def read(item: Item) -> dict[str, Any]:
            return {one: get[one](item) for one in reads}

        return Batches(read, self._rows, batch, self.device, self.gaps).encode(items)

    def _rows(self, inputs: Sequence[dict[str, Any]]) -> NDArray[np.float32]:
        import torch
        from datasets import Dataset
        from mteb.types import PromptType
        from torch.utils.data import DataLoader

        columns = {name: [one[name] for one in inputs] for name in inputs[0]}
        # One batch, in the form that mteb's own loaders have: lists by column.
        made: Any = Dataset.from_dict(columns)
        loader: Any = DataLoader(
            made,
            batch_size=len(inputs),
            collate_fn=lambda batch: {name: [one[name] for one in batch] for name in batch[0]},
        )
        with torch.inference_mode(), _quietly():
            found = self.model.encode(
                loader,
                task_metadata=self.task,
                hf_split="test",
                hf_subset="default",
                prompt_type=PromptType.document,
                batch_size=len(inputs),
                show_progress_bar=False,
            )
        rows = found.float().cpu().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
        if rows.ndim != 2:
            raise FeatureError(f"the model returned an array of shape {rows.shape}, not (items, dimensions)")
        return rows.astype(np.float32)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without mteb's warnings of what it does by itself: that its prompts come before the model's, and the like."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="mteb")
        yield


def _task() -> Any:
    """What mteb chooses prompts by: retrieval, under a name that is no benchmark's."""
    from mteb.abstasks.task_metadata import TaskMetadata

    return TaskMetadata(
        name="recclaims",
        description="Items of a catalogue.",
        type="Retrieval",
        category="t2t",
        dataset={"path": "recclaims/items", "revision": "1"},
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
    )


@contextmanager
def _no_code(who: str) -> Iterator[None]:
    """Run no code from a model's repository unless that was allowed: some of mteb's loaders ask for it by themselves.

    Raises:
        FeatureError: the model needs such code.
    """
    from transformers import dynamic_module_utils as theirs

    if trust.is_given():
        yield
        return

    def refuse(*_: Any, **__: Any) -> Any:
        raise FeatureError(f"{who}: {NEEDS_CODE}")

    # All classes from a repository come through here, whoever asks for them.
    kept = theirs.get_class_in_module
    theirs.get_class_in_module = refuse
    try:
        yield
    except FeatureError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise FeatureError(f"{who}: mteb cannot load it: {one_line(error)}") from None
    finally:
        theirs.get_class_in_module = kept
