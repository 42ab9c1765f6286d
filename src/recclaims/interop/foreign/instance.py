"""One object of somebody's class: made in a folder of its own, called as MMRec's trainer calls it, its errors named."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.data.importers.mmrec import ITEM, USER
from recclaims.errors import CellError
from recclaims.interop.foreign.importing import class_of, clone_of
from recclaims.interop.foreign.mmrec_data import ConfigOfClass, TrainLoader, TrainSet
from recclaims.interop.foreign.reading import IMAGE, TEXT
from recclaims.interop.foreign.source import Source
from recclaims.interop.foreign.surroundings import explained, quiet_in

#: By the key of the config that names them, the files of features.
FILES = {"vision_feature_file": IMAGE, "text_feature_file": TEXT}
#: The folder of a cell's data, within its own.
_DATA = "data"


@dataclass(frozen=True)
class Wanted:
    """What is to be made.

    Attributes:
        source: the class.
        again: the same, read when this process came to it.
        settings: hyper-parameters, by MMRec's names.
        users, items: the train pairs, int64 (n,), from 0.
        n_users, n_items: sizes of the dataset.
        seed, device: of the cell.
    """

    source: Source
    again: Source
    settings: Mapping[str, Any]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    n_users: int
    n_items: int
    seed: int
    device: torch.device


class Instance:
    """An object of the class, with features of its own.

    Args:
        wanted: which.
        features: float32 (n_items, d) by file name, of IMAGE and TEXT.

    Attributes:
        module: the object.

    Raises:
        CellError, NotAvailableError: it cannot be made.
    """

    def __init__(self, wanted: Wanted, features: Mapping[str, NDArray[np.float32]]) -> None:
        self.wanted = wanted
        # What it writes there goes with it: a graph of other features is never found again.
        self.folder = Path(tempfile.mkdtemp(prefix="recclaims-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        data = self.folder / _DATA
        data.mkdir()
        for name, matrix in features.items():
            np.save(data / name, matrix)
        self.config = ConfigOfClass({**wanted.settings, **self._of_run()})
        with self._entered(), _left_alone(wanted.source):
            made = class_of(wanted.source, wanted.again)
            pairs = TrainSet(wanted.users, wanted.items, wanted.n_users, wanted.n_items)
            module = made(self.config, TrainLoader(self.config, pairs))
            if not isinstance(module, torch.nn.Module):
                raise TypeError(f"{wanted.source.name} is no torch.nn.Module")
            self.module = module.to(wanted.device)
            self._object: Any = self.module

    def _of_run(self) -> dict[str, Any]:
        wanted = self.wanted
        return {
            "model": wanted.source.name,
            "dataset": _DATA,
            "data_path": f"{self.folder}{os.sep}",
            "device": wanted.device,
            "use_gpu": wanted.device.type != "cpu",
            "seed": wanted.seed,
            "USER_ID_FIELD": USER,
            "ITEM_ID_FIELD": ITEM,
            "TIME_FIELD": "timestamp",
            "NEG_PREFIX": "neg__",
            "inter_splitting_label": "x_label",
            "field_separator": "\t",
            "end2end": False,
            "metrics": ["Recall", "NDCG"],
            "topk": [20],
            "valid_metric": "Recall@20",
            **FILES,
        }

    def begin_epoch(self) -> None:
        """Do what the class does before an epoch."""
        self._call("pre_epoch_processing")

    def end_epoch(self) -> None:
        """Do what the class does after one."""
        self._call("post_epoch_processing")

    def _call(self, name: str) -> None:
        method = getattr(self.module, name, None)
        if method is not None:
            with self._entered():
                method()

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """The loss of a batch, int64 (2 or 3, b): users, items and, where the class wants them, negative items."""
        with self._entered():
            losses = self._object.calculate_loss(batch)
            # Some classes give the parts of a loss.
            total: Any = sum(losses) if isinstance(losses, tuple) else losses
            if not isinstance(total, torch.Tensor):
                raise TypeError(f"calculate_loss returned {total!r}, no tensor")
            return total

    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """Scores of all items, float (b, n_items), for users, int64 (b,)."""
        with self._entered():
            nothing_masked = torch.empty((2, 0), dtype=torch.int64, device=users.device)
            found = self._object.full_sort_predict([users, nothing_masked])
            if not isinstance(found, torch.Tensor) or found.numel() != len(users) * self.wanted.n_items:
                shown = tuple(found.shape) if isinstance(found, torch.Tensor) else repr(found)
                raise ValueError(
                    f"full_sort_predict returned {shown} for {len(users)} users and {self.wanted.n_items:,} items"
                )
            return found.view(len(users), -1)

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        """The class's own surroundings: its modules, its folder, no output, and its errors as one line."""
        source, config = self.wanted.source, self.config
        with contextlib.ExitStack() as stack:
            write = "?KEY=VALUE or config=FILE"
            stack.enter_context(explained(source.file, lambda: config.absent, self.wanted.device, write))
            stack.enter_context(clone_of(source).entered())
            stack.enter_context(_cuda_is(self.wanted.device))
            stack.enter_context(quiet_in(self.folder))
            yield


@contextlib.contextmanager
def _left_alone(source: Source) -> Iterator[None]:
    """Refuse a class that writes beside its source, where the next cell, of other features, would read it."""
    folders = {source.root, source.file.parent}
    before = {path for folder in folders for path in folder.iterdir()}
    yield
    for path in sorted({path for folder in folders for path in folder.iterdir()} - before):
        if path.name != "__pycache__":
            raise CellError(
                f"{source.file.name} wrote {path.name} beside its source, where other cells would read it; delete it, "
                "and write to config['data_path'] + config['dataset'] in the class"
            )


@contextlib.contextmanager
def _cuda_is(device: torch.device) -> Iterator[None]:
    """Let `.cuda()` mean the cell's device: some classes know no other word for where MMRec's config says."""
    kinds: tuple[Any, ...] = (torch.Tensor, torch.nn.Module)
    before = [kind.cuda for kind in kinds]

    def cuda(self: Any, *_: Any, **__: Any) -> Any:
        return self.to(device)

    for kind in kinds:
        kind.cuda = cuda
    try:
        yield
    finally:
        for kind, method in zip(kinds, before, strict=True):
            kind.cuda = method
