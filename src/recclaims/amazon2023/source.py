"""Amazon Reviews 2023 as a dataset: `amazon2023:Baby_Products`, once `recclaims prepare` has been there."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims import FolderDataset, NotAvailableError, Parameter, SourceSpec, data_directory
from recclaims.amazon2023.record import RECORD, read_record

if TYPE_CHECKING:
    from recclaims import Dataset, Prepared, PrepareRequest

POLICIES = ("keep", "drop", "drop-imageless", "drop-textless")
DEFAULT_CORE = 5


class AmazonReviews2023:
    """One category: its reviews as interactions, its products as items.

    Args:
        category: as the raw files are called, `Baby_Products`.
        core: every user and every item has at least so many interactions.
        lacking: what becomes of items without image or text.
    """

    name = "amazon2023"
    spec = SourceSpec(
        argument="CATEGORY",
        parameters={
            "core": Parameter(DEFAULT_CORE, "least interactions of a user and of an item", least=1, most=10_000),
            "lacking": Parameter("keep", "what becomes of items without image or text", choices=POLICIES),
        },
    )

    def __init__(self, category: str, core: int = DEFAULT_CORE, lacking: str = "keep") -> None:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,80}", category):
            raise ValueError(
                f"'{category}' is not a category; write letters, digits and underscores, as in Baby_Products"
            )
        self.category, self.core, self.lacking = category, core, lacking
        changed = [f"core{core}"] * (core != DEFAULT_CORE) + [lacking] * (lacking != "keep")
        self.name = "-".join(["amazon2023", category, *changed])

    @cached_property
    def modalities(self) -> frozenset[str]:
        """What the prepared items carry; before that, what they can."""
        if not self._is_prepared():
            return frozenset({"visual", "textual", "attributes"})
        return self._open().modalities

    def load(self) -> Dataset:
        """Read the prepared folder; see DatasetSource.

        Raises:
            NotAvailableError: it is not there, or another version would make another; the message is the command
                that makes it.
        """
        if not self._is_prepared():
            there = (self.folder() / RECORD).is_file()
            lacks = "was prepared by another version of recclaims" if there else "does not exist"
            raise NotAvailableError(f"{self.folder()} {lacks}; run: {self.command()}")
        return replace(self._open().load(), name=self.name)

    def prepare(self, request: PrepareRequest) -> Prepared:
        """See Preparable."""
        from recclaims.amazon2023.prepare import Preparation

        folder = self.folder(request.data)
        return Preparation(self.category, self.name, self.core, self.lacking, folder, request).run()

    def folder(self, data: Path | None = None) -> Path:
        """Where the prepared dataset lies, or would lie, under a data directory."""
        return (data or data_directory()) / "amazon2023" / f"{self.category}-core{self.core}-{self.lacking}"

    def command(self) -> str:
        """What prepares it."""
        core = f" --core {self.core}" if self.core != DEFAULT_CORE else ""
        lacking = f" --lacking {self.lacking}" if self.lacking != "keep" else ""
        return f"recclaims prepare amazon2023:{self.category}{core}{lacking}"

    def _is_prepared(self) -> bool:
        return read_record(self.folder()) is not None

    def _open(self) -> FolderDataset:
        return FolderDataset(self.folder())
