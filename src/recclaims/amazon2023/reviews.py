"""Reviews: who rated which product when. Read in blocks, by Polars where a block is sound, else line by line."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.amazon2023.faults import MISSING, OF_LINES, WRONG_TYPE, Faults
from recclaims.amazon2023.lines import BLOCK, LONGEST, Digest, read_blocks
from recclaims.amazon2023.records import FaultError, identifier, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

#: The names that the time of a review goes by, in milliseconds; the first that is not null counts.
TIMES = ("timestamp", "sort_timestamp", "sortTimestamp")
#: Ids that the fast path trusts: Polars would also make texts of true, 1.5 or a list, and none of those looks so.
_PLAIN = "^[A-Z0-9]{1,256}$"
#: Ratings are kept as float32, in which a larger one would be infinite.
_LARGEST = 3e38
#: Numbers can look so: Polars makes the text 100000 of 1E5. Where there are digits alone, the block itself is asked
#: whether one was given as a number; a key may be written with escapes.
_DIGITS = "^[0-9]+$"
_NUMBER_AS_ID = re.compile(rb"""(?:"user_id"|"parent_asin"|\\u[^"]*")\s*:\s*-?[0-9]""")


@dataclass(frozen=True)
class Reviews:
    """The latest review of each pair of user and product; rows are sorted by user and item.

    Attributes:
        user_ids, item_ids: what codes stand for, sorted.
        users, items: int32 (n,), codes.
        ratings: float32 (n,).
        times: int64 (n,), milliseconds since the epoch.
        bad: how many lines were left out.
        repeated: how many earlier reviews of the same pair were left out; of equal times the last line is kept.
    """

    user_ids: pl.Series
    item_ids: pl.Series
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    ratings: NDArray[np.float32]
    times: NDArray[np.int64]
    bad: int
    repeated: int

    def where(self, mask: NDArray[np.bool_]) -> Reviews:
        """The rows that the mask, bool (n,), admits; codes keep their meaning."""
        return Reviews(
            self.user_ids,
            self.item_ids,
            self.users[mask],
            self.items[mask],
            self.ratings[mask],
            self.times[mask],
            self.bad,
            self.repeated,
        )

    def __len__(self) -> int:
        return len(self.users)


def read_reviews(
    path: Path,
    faults: Faults,
    tell: Callable[[str], None] = lambda _: None,
    block: int = BLOCK,
    longest: int = LONGEST,
    digest: Digest | None = None,
) -> Reviews:
    """Read a file of reviews.

    Args:
        path: JSON lines with `user_id`, `parent_asin`, `rating` and a time (see TIMES); other fields are not read.
        faults: is told of every line that is left out, and raises when there are too many.
        tell: is told how many were read, now and then.
        block, longest, digest: see read_blocks.

    Raises:
        DatasetError: the file cannot be read, or too many lines are bad.
    """
    import polars as pl

    tables, n_reviews = [pl.DataFrame(schema=_columns())], 0
    for number, data in read_blocks(path, faults, block, longest, digest):
        table = _fast(data)
        if table is None or len(table) != data.count(b"\n"):
            table = _slow(data, number, path, faults)
        tables.append(table)
        n_reviews += len(table)
        faults.check()
        if len(tables) % 64 == 0:
            tell(f"{path.name}: {n_reviews:,} reviews read")
    faults.check()
    tell(f"{path.name}: {n_reviews:,} reviews read")
    return _latest(tables, faults.of(path, *OF_LINES))


def _columns() -> dict[str, Any]:
    import polars as pl

    return {"user_id": pl.String, "parent_asin": pl.String, "rating": pl.Float64, "timestamp": pl.Int64}


def _fast(block: bytes) -> pl.DataFrame | None:
    """The reviews of a block, or None where any line needs a closer look."""
    import polars as pl

    schema = {**_columns(), **dict.fromkeys(TIMES, pl.Int64)}
    try:
        table = pl.read_ndjson(io.BytesIO(block), schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    table = table.with_columns(pl.coalesce(TIMES).alias("timestamp")).select(*_columns())
    sound = table.select(
        pl.col("user_id", "parent_asin").str.contains(_PLAIN).all(ignore_nulls=False),
        pl.col("rating").is_between(-_LARGEST, _LARGEST).all(ignore_nulls=False),
        pl.col("timestamp").is_not_null().all(),
    )
    if not all(value is True for value in sound.row(0)):
        return None
    digits = table.select(pl.any_horizontal(pl.col("user_id", "parent_asin").str.contains(_DIGITS)).any()).item()
    return None if digits and _NUMBER_AS_ID.search(block) else table


def _slow(block: bytes, number: int, path: Path, faults: Faults) -> pl.DataFrame:
    import polars as pl

    rows = []
    for i, line in enumerate(block.split(b"\n")):
        # The mark that some programs put before UTF-8.
        stripped = (line.removeprefix(b"\xef\xbb\xbf") if number + i == 1 else line).strip()
        if not stripped:
            continue
        try:
            rows.append(_review(parse(stripped)))
        except FaultError as fault:
            faults.add(path, fault.kind, number + i, fault.about)
    return pl.DataFrame(rows, schema=_columns(), orient="row")


def _review(record: dict[str, Any]) -> tuple[str, str, float, int]:
    user, item = identifier(record, "user_id"), identifier(record, "parent_asin")
    rating = record.get("rating")
    if rating is None:
        raise FaultError(MISSING, "rating")
    if isinstance(rating, bool) or not isinstance(rating, (int, float)):
        raise FaultError(WRONG_TYPE, "rating")
    try:
        rating = float(rating)
    except OverflowError:
        rating = math.inf
    if not abs(rating) <= _LARGEST:
        raise FaultError(WRONG_TYPE, "rating")
    time = next((record[name] for name in TIMES if record.get(name) is not None), None)
    if time is None:
        raise FaultError(MISSING, "timestamp")
    if isinstance(time, bool) or not isinstance(time, int) or not -(2**63) <= time < 2**63:
        raise FaultError(WRONG_TYPE, "timestamp")
    return user, item, rating, time


def _latest(tables: list[pl.DataFrame], bad: int) -> Reviews:
    """Codes for texts, and one row for each pair. Empties `tables`, which is most of the memory."""
    import polars as pl

    columns: dict[str, pl.Series] = {}
    for name in ("user_id", "parent_asin"):
        texts = pl.concat([table[name] for table in tables], rechunk=False)
        ids = texts.unique().sort()
        columns[name] = ids
        columns[f"{name} code"] = texts.cast(pl.Enum(ids)).to_physical().cast(pl.Int32)
        for i, table in enumerate(tables):
            tables[i] = table.drop(name)
    numbers = pl.concat(tables)
    tables.clear()
    users, items = (columns[f"{name} code"].to_numpy() for name in ("user_id", "parent_asin"))
    times = numbers["timestamp"].to_numpy()
    pair = users.astype(np.int64) * max(len(columns["parent_asin"]), 1) + items
    # Stable: what the file has later comes later.
    order = np.lexsort((times, pair))
    pair = pair[order]
    order = order[np.append(pair[1:] != pair[:-1], True)[: len(pair)]]
    return Reviews(
        user_ids=columns["user_id"],
        item_ids=columns["parent_asin"],
        users=users[order],
        items=items[order],
        ratings=numbers["rating"].to_numpy()[order].astype(np.float32),
        times=times[order],
        bad=bad,
        repeated=len(pair) - len(order),
    )
