"""Vectors from files: each format into a matrix and, where the file says them, the ids of its rows.

Nothing is unpickled. A `.npy` is mapped into memory; of the others a matrix is made.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from recclaims.data.packed import PACKED, is_packed
from recclaims.data.parquet import TooLargeError, is_plain, open_parquet, read_columns
from recclaims.errors import FeatureError, one_line
from recclaims.features.index_columns import is_unnamed, without_index
from recclaims.regular_file import LARGEST_TEXT, open_content, open_regular, open_text

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

#: Columns that can hold the ids; a table has one of them.
ID_COLUMNS = ("item_id", "itemID", "itemId", "iid", "asin", "id", "item")
ID_ARRAYS = ("ids", "item_ids", "item_id")
#: The most bytes that are unpacked from a ZIP archive, and the most values from Parquet: both can be small on disk.
MAX_UNPACKED, MAX_VALUES = 16_000_000_000, 4_000_000_000
#: The largest file of one item's vector: 25 million dimensions.
MAX_VECTOR = 100_000_000
MAPPED = "a .npy file is mapped, whatever its size"
PICKLED = "holds Python objects, which are never unpickled; save numbers: np.save(path, matrix.astype(np.float32))"


@dataclass(frozen=True)
class Vectors:
    """What a file holds.

    Attributes:
        matrix: (n, d), real numbers of any type, perhaps mapped from disk and then read-only.
        ids: the id of each row; None where the file does not say.
        others: of a folder, what its files are called that are nobody's and were not read.
    """

    matrix: NDArray[Any]
    ids: Sequence[str] | None = None
    others: Sequence[str] = ()


def read_vectors(path: Path, ids: Path | None, wanted: Collection[str]) -> Vectors:
    """Read a file, or a folder of one `.npy` an item.

    Args:
        path: what to read.
        ids: a text file with the id of each row, one a line; None: what the file itself says.
        wanted: of a folder, only these items are read.

    Raises:
        FeatureError: the file cannot be read, or is no matrix of numbers with an id of its own for each row; one
            line that names the file and shows three examples.
    """
    if path.is_dir():
        return _folder(path, wanted)
    read = READERS.get(path.suffix)
    if read is None:
        raise FeatureError(f"{path}: unknown format; write {', '.join(READERS)} or a folder of .npy files")
    try:
        vectors = read(path)
    except FeatureError:
        raise
    except OSError as error:
        raise FeatureError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # whatever a library says of a damaged file
        raise FeatureError(f"{path}: cannot be read: {one_line(error)}") from None
    matrix = vectors.matrix
    if matrix.dtype.kind not in "fiub":
        raise FeatureError(f"{path}: holds values of type {matrix.dtype}, not real numbers")
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise FeatureError(f"{path}: has shape {matrix.shape}, not (items, dimensions)")
    named, where = (_lines(ids), ids) if ids else (vectors.ids, path)
    if named is not None:
        _check_ids(named, len(matrix), where)
    return Vectors(matrix, named)


def check_size(path: Path | None) -> None:
    """Refuse a file that is too large to be read, or than it says itself, before all of it is read for its digest.

    Raises:
        FeatureError: it is; one line.
        OSError: it cannot be opened.
    """
    if path is None:
        return
    for one in sorted(path.glob("*.npy")) if path.is_dir() else [path]:
        with open_content(one) as file:
            size = os.fstat(file.fileno()).st_size
            most = MAX_VECTOR if path.is_dir() else _said(file) if one.suffix == ".npy" else MAX_UNPACKED
        if size > most:
            raise FeatureError(f"{one}: has {size:,} bytes; at most {most:,} are read")


def _said(file: BinaryIO) -> int:
    """The bytes that a .npy file has by its header; of what has none, as many as are read of other files."""
    from numpy.lib import format as npy

    try:
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, _, kind = read(file)
        return file.tell() + math.prod(shape) * kind.itemsize
    except Exception:  # what numpy makes of a header that was tampered with can be anything; reading it says so
        return MAX_UNPACKED


def shown(names: Collection[str], most: int = 3) -> str:
    """The first of some names, for messages."""
    return ", ".join(f"'{name}'" for name, _ in zip(names, range(most), strict=False))


def _check_ids(ids: Sequence[str], n_rows: int, where: Path) -> None:
    if len(ids) != n_rows:
        raise FeatureError(f"{where}: has {len(ids):,} ids ({shown(ids)}) for {n_rows:,} rows")
    if "" in ids:
        empty = [str(row) for row, one in enumerate(ids, 1) if not one]
        raise FeatureError(f"{where}: {len(empty):,} rows have no id: rows {', '.join(empty[:3])}")
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = dict.fromkeys(one for one in ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise FeatureError(f"{where}: {len(twice):,} ids have more than one row: {shown(twice)}")


def _lines(path: Path) -> list[str]:
    try:
        with open_text(path) as file:
            return file.read().removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FeatureError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _npy(path: Path) -> Vectors:
    return Vectors(_loaded(path, mapped=True))


def _loaded(path: Path, mapped: bool) -> NDArray[Any]:
    try:
        with open_regular(path, None if mapped else MAX_VECTOR) as file:  # numpy maps what it opens itself
            if file.peek(4).startswith(b"PK\x03\x04"):
                raise FeatureError(f"{path}: is an .npz archive; call it {path.stem}.npz")
            array: NDArray[Any] = np.load(
                path if mapped else file, mmap_mode="r" if mapped else None, allow_pickle=False
            )
    except ValueError as error:
        # numpy's own words differ between mapping and reading.
        if "object" in str(error).lower() or "pickle" in str(error).lower():
            raise FeatureError(f"{path}: {PICKLED}") from None
        raise
    return array


def _npz(path: Path) -> Vectors:
    with open_regular(path) as source, np.load(source, allow_pickle=False) as archive:
        unpacked = sum(member.file_size for member in archive.zip.infolist())
        if unpacked > MAX_UNPACKED:
            raise FeatureError(f"{path}: unpacks to {unpacked:,} bytes; at most {MAX_UNPACKED:,} are; {MAPPED}")
        try:
            arrays = {name: archive[name] for name in archive.files}
        except ValueError:
            raise FeatureError(f"{path}: {PICKLED}") from None
    ids = next((arrays.pop(name) for name in ID_ARRAYS if name in arrays), None)
    return Vectors(_the_matrix(arrays, path), None if ids is None else [str(one) for one in ids.ravel().tolist()])


def _safetensors(path: Path) -> Vectors:
    from safetensors import safe_open

    with open_regular(path, MAX_UNPACKED), safe_open(path, framework="numpy") as file:  # which opens it itself
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        said = (file.metadata() or {}).get("ids")
    if said is None:
        return Vectors(_the_matrix(arrays, path))
    ids = json.loads(said)
    if not isinstance(ids, list):
        raise FeatureError(f"{path}: its metadata 'ids' is not a JSON list")
    return Vectors(_the_matrix(arrays, path), [str(one) for one in ids])


def _the_matrix(arrays: dict[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    matrices = {name: array for name, array in arrays.items() if array.ndim == 2}
    if len(matrices) != 1:
        raise FeatureError(f"{path}: has {len(matrices)} matrices ({shown(arrays)}), not one")
    return next(iter(matrices.values()))


def _parquet(path: Path) -> Vectors:
    with open_regular(path) as source, open_parquet(source) as file:
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        values = sum(group.column(column).num_values for group in groups for column in range(group.num_columns))
        if values > MAX_VALUES:
            raise FeatureError(f"{path}: has {values:,} values; at most {MAX_VALUES:,} are read; {MAPPED}")
        _check_types(file.schema_arrow, path)
        try:
            return _columns(read_columns(file), path)
        except TooLargeError as error:
            raise FeatureError(f"{path}: {error}") from None


def _check_types(schema: pa.Schema, path: Path) -> None:
    """Refuse columns that are no vectors before they are read: a text in each row may be of any length."""
    import pyarrow as pa

    for field in schema:
        kind = field.type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        inner = kind.value_type if any(test(kind) for test in lists) else None
        numbers = inner is not None and (pa.types.is_integer(inner) or pa.types.is_floating(inner))
        if not (numbers or is_plain(kind) or (inner is not None and pa.types.is_boolean(inner))):
            raise FeatureError(f"{path}: column '{field.name}' is of type {kind}, not of numbers or lists of them")


def _csv(path: Path) -> Vectors:
    import polars as pl

    separator = "\t" if path.suffix == ".tsv" else ","
    with open_regular(path, LARGEST_TEXT) as file:  # polars takes a path for a pattern
        if is_packed(file):
            raise FeatureError(f"{path}: {PACKED}")
        names = pl.read_csv(file, separator=separator, n_rows=0).columns
        ids = _id_column(names, path)
        types = {name: pl.String() if name == ids or is_unnamed(name) else pl.Float64() for name in names}
        file.seek(0)
        return _columns(pl.read_csv(file, separator=separator, schema=types), path)


def _id_column(names: Sequence[str], path: Path) -> str:
    found = [name for name in ID_COLUMNS if name in names]
    if not found:
        raise FeatureError(f"{path}: none of its columns ({shown(names)}) is called {', '.join(ID_COLUMNS)}")
    if len(found) > 1:
        raise FeatureError(
            f"{path}: has {len(found)} columns of ids ({shown(found)}); keep the one with the catalogue's ids"
        )
    return found[0]


def _columns(table: pl.DataFrame, path: Path) -> Vectors:
    """One column of lists, or a column a dimension, beside that of the ids."""
    import polars as pl

    column = _id_column(table.columns, path)
    ids = table[column].cast(pl.String).fill_null("").to_list()
    rest = without_index(table.drop(column), path)
    nested = [series for series in rest if series.dtype.is_nested()]
    if not nested:
        if not all(kind.is_numeric() for kind in rest.dtypes):
            wrong = [name for name, kind in rest.schema.items() if not kind.is_numeric()]
            raise FeatureError(f"{path}: columns hold no numbers: {shown(wrong)}")
        return Vectors(rest.to_numpy(), ids)
    if len(nested) > 1 or rest.width > 1:
        raise FeatureError(
            f"{path}: has columns of lists and others ({shown(rest.columns)}); only ids may stand next to lists"
        )
    lists = nested[0].cast(pl.List(pl.Float32), strict=False)
    lengths = lists.list.len().fill_null(0)
    odd = [one for one, length in zip(ids, lengths.to_list(), strict=True) if length != lengths.mode()[0]]
    if odd:
        raise FeatureError(f"{path}: {len(odd):,} vectors are not {lengths.mode()[0]} long: {shown(odd)}")
    return Vectors(lists.explode().to_numpy().reshape(len(ids), -1), ids)


def _folder(folder: Path, wanted: Collection[str]) -> Vectors:
    """Of a folder of one file an item, called by its id, those that are wanted."""
    paths = {path.stem: path for path in sorted(folder.glob("*.npy"))}
    if not paths:
        raise FeatureError(f"{folder}: has no .npy files")
    mine = {one: path for one, path in paths.items() if one in wanted}
    if not mine:
        raise FeatureError(f"{folder}: none of its {len(paths):,} files ({shown(paths)}) is called by an item's id")
    matrix: NDArray[np.float32] | None = None
    odd: dict[str, str] = {}
    for row, (one, path) in enumerate(mine.items()):
        try:
            vector = _loaded(path, mapped=False)
        except (OSError, ValueError, EOFError, MemoryError) as error:
            raise FeatureError(f"{path}: cannot be read: {error}") from None
        if vector.dtype.kind not in "fiub":
            raise FeatureError(f"{path}: holds values of type {vector.dtype}, not real numbers")
        flat = vector[0] if vector.ndim == 2 and len(vector) == 1 else vector
        if matrix is None:
            matrix = np.empty((len(mine), flat.size), dtype=np.float32)
        if flat.shape != matrix.shape[1:] or not flat.size:
            odd[one] = f"'{one}' {vector.shape}"
            continue
        with np.errstate(over="ignore"):  # becomes inf, which is reported with its item
            matrix[row] = flat
    if odd or matrix is None:
        raise FeatureError(
            f"{folder}: {len(odd):,} files do not hold a vector as long as the first: {', '.join([*odd.values()][:3])}"
        )
    return Vectors(matrix, list(mine), [one for one in paths if one not in mine])


READERS: dict[str, Callable[[Path], Vectors]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
    ".csv": _csv,
    ".tsv": _csv,
}
