"""Arrays that are written together and compressed: a .npz as numpy reads it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import StoreError, one_line

#: Of 1 to 9. More takes many times as long and leaves hardly less of ranks and lists.
LEVEL = 1


@dataclass(frozen=True)
class Packed:
    """Arrays by name, to be written as one compressed file."""

    arrays: Mapping[str, NDArray[Any]]


def write_packed(file: IO[bytes], packed: Packed) -> None:
    """Write arrays; the same arrays give the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, array in packed.arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read_packed(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read the array `name`, which must be of this shape and type: no header decides how much memory is taken.

    Raises:
        StoreError: there is none, or another.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            if version != (1, 0):
                raise StoreError(f"{path}: '{name}' is an array of version {version}, not (1, 0)")
            found, fortran, of = np.lib.format.read_array_header_1_0(member)
            if (found, of, fortran and len(found) > 1) != (shape, dtype, False):
                raise StoreError(f"{path}: '{name}' holds values of shape {found} and type {of}, not {shape}, {dtype}")
            size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
            content = member.read(size + 1)
            if len(content) != size:
                raise StoreError(f"{path}: '{name}' is shorter or longer than its header says")
    except StoreError:
        raise
    except Exception as error:  # what a damaged archive raises can be anything
        raise StoreError(f"{path}: '{name}' cannot be read: {one_line(error)}") from error
    return np.frombuffer(content, dtype=dtype).reshape(shape)
