"""Preparing a dataset once, from raw files, so that it can be opened many times: what `recclaims prepare` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlencode

from recclaims.data.registered import make_source
from recclaims.errors import DatasetError
from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.plugin_manager import Registry

DATA_DIR = "RECCLAIMS_DATA_DIR"


def data_directory() -> Path:
    """Where prepared datasets lie: what the environment variable RECCLAIMS_DATA_DIR says, else `.recclaims/data`."""
    return Path(expanded(os.environ.get(DATA_DIR) or ".recclaims/data"))


@dataclass(frozen=True)
class PrepareRequest:
    """What a source is asked to prepare, besides its own parameters.

    Attributes:
        raw: the folder with the raw files; None: they are fetched.
        data: where the prepared dataset goes.
        images: whether to fetch the items' images.
        max_bad: how many bad lines are left out before it is an error.
        tell: is given a line, now and then, on how far it is.
    """

    raw: Path | None
    data: Path
    images: bool = False
    max_bad: int = 0
    tell: Callable[[str], None] = print


@dataclass(frozen=True)
class Prepared:
    """What came out.

    Attributes:
        path: the prepared folder.
        already: it was there, and nothing was done.
        rows: what was read, left out and kept, in that order, with how many.
        notes: sentences on the rest.
    """

    path: Path
    already: bool
    rows: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]


@runtime_checkable
class Preparable(Protocol):
    """A dataset source that can be prepared."""

    def prepare(self, request: PrepareRequest) -> Prepared:
        """Write the prepared dataset under `request.data`, whole or not at all; see PrepareRequest.

        Raises:
            RecclaimsError: raw files are missing, cannot be fetched, or hold too many bad lines.
        """
        ...


def prepare(reference: str, parameters: Mapping[str, object], request: PrepareRequest, registry: Registry) -> Prepared:
    """Prepare the dataset that a reference names.

    Args:
        reference: as `--claims-data` takes it; it must not change the protocol.
        parameters: further parameters of the source, as the reference could give them.
        request: see PrepareRequest.
        registry: the registered sources.

    Raises:
        UnknownNameError: no such dataset or parameter.
        DatasetError: the dataset needs no preparation; else see Preparable.
    """
    if parameters:
        reference += ("&" if "?" in reference else "?") + urlencode(parameters)
    source = make_source(reference, registry, "recclaims prepare")
    if not isinstance(source, Preparable):
        raise DatasetError(f"{source.name} needs no preparation: pytest suite --claims-data {reference}")
    return source.prepare(request)
