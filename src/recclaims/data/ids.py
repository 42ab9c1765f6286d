"""Ids that two files write differently: `7` and `0007`, `7` and `7.0`, a blank behind, an accent in two code points."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

#: How a column of whole numbers looks once a program has made floats of it (7.0, 1e+16).
FLOAT = r"^[+-]?\d+(\.0*|(\.\d+)?[eE]\+\d+)$"
_WHOLE = re.compile(r"\d+(\.0*)?")
#: What stands in an id and cannot be seen: byte order marks and blanks without width.
_UNSEEN = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060"))


def plain(text: str) -> str:
    """An id without what programs add or lose: blanks, leading zeros, `.0`, and the form of its Unicode."""
    # Beyond ASCII alone does normalising change anything.
    found = (text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_UNSEEN))).strip()
    return (found.partition(".")[0].lstrip("0") or "0") if _WHOLE.fullmatch(found) else found


def alike(strangers: Iterable[str], known: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of an id that is not known and a known one that it is but for its spelling."""
    by_plain = {plain(one): one for one in known}
    return [(one, by_plain[key]) for one in strangers if (key := plain(one)) in by_plain]


def shown_pairs(pairs: Collection[tuple[str, str]], most: int = 3) -> str:
    """The first pairs, for messages; in ASCII where the two would look the same."""
    texts = []
    for pair, _ in zip(pairs, range(most), strict=False):
        one, other = map(repr if all(map(str.isascii, pair)) else ascii, pair)
        texts.append(f"{one} and {other}")
    return ", ".join(texts)


def are_floats(column: pl.Series) -> bool:
    """Whether every id of a column of texts is a whole number written as a float."""
    return bool(len(column) and column.str.contains(FLOAT).all())
