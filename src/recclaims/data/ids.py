"""Ids that two files write differently: `7` and `0007`, `7` and `7.0`, a blank behind, an accent in two code points."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

#: How a column of whole numbers looks once a program has made floats of it (7.0, 1e+16).
FLOAT = r"^[+-]?\d+(\.0*|(\.\d+)?[eE]\+\d+)$"
_WHOLE = re.compile(r"\d+(\.0*)?")
#: What stands in an id and cannot be seen: byte order marks and blanks without width.
_UNSEEN = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060"))
#: What programs put around an id where they name its picture: folders in front, the kind of file behind.
_PICTURE = re.compile(r"(?:.*[/\\])?([^/\\]+)\.(?:jpe?g|png|webp|gif|bmp)", re.IGNORECASE)
#: The share of ids that must be found on the other side, for two files to be of the same items.
FEW = 0.1


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


@dataclass(frozen=True)
class Alignment:
    """Which ids of a file are which items.

    Attributes:
        known: the catalogue's id, by the file's.
        respelt: pairs of the file's id and the catalogue's, of those that are written differently.
        strangers: ids of the file that are no items.
        without: items that the file does not have.
        items: how many items there are.
    """

    known: Mapping[str, str]
    respelt: Sequence[tuple[str, str]]
    strangers: Sequence[str]
    without: Sequence[str]
    items: int

    def __str__(self) -> str:
        """How many match, and three of each side that do not, for people."""
        told = f"{len(self.known):,} of {self.items:,} items"
        if self.without:
            told += f", none for {shown_ids(self.without)}"
        if self.strangers:
            are = "is no item" if len(self.strangers) == 1 else "are no items"
            told += f"; {len(self.strangers):,} of its ids {are}: {shown_ids(self.strangers)}"
        if self.respelt:
            told += f"; {len(self.respelt):,} written differently: {shown_pairs(self.respelt)}"
        return told


def align(theirs: Collection[str], catalogue: Collection[str], where: str) -> Alignment:
    """Find the items that a file's ids mean, where it is another's and its ids may be spelt otherwise.

    An id that is no item is the one item that it is but for its spelling (see `plain`), also as the name of a picture
    (`images/0042.jpg`).

    Args:
        theirs: the file's ids, each once.
        catalogue: the items' ids.
        where: the file, for messages.

    Raises:
        DatasetError: two ids of one side are the same but for their spelling, and which is meant is not clear.
    """
    items = set(catalogue)
    known = {one: one for one in theirs if one in items}
    others = [one for one in theirs if one not in items]
    by_plain: dict[str, list[str]] = {}
    for item in catalogue if others else ():
        by_plain.setdefault(plain(item), []).append(item)
    taken = {item: item for item in known}
    respelt: list[tuple[str, str]] = []
    strangers: list[str] = []
    for one in others:
        picture = _PICTURE.fullmatch(one)
        meant = by_plain.get(plain(picture[1] if picture else one), [])
        if not meant:
            strangers.append(one)
            continue
        if len(meant) > 1 or meant[0] in taken:
            pair = (meant[0], meant[1]) if len(meant) > 1 else (taken[meant[0]], one)
            raise DatasetError(
                f"{where}: {shown_pairs([pair])} differ only in spelling, so that it is not clear which item {one!r} "
                "is; write the ids as in the catalogue"
            )
        respelt.append((one, meant[0]))
        taken[meant[0]] = one
    without = [item for item in catalogue if item not in taken]
    return Alignment(known | dict(respelt), respelt, strangers, without, len(items))


def shown_ids(ids: Iterable[str], most: int = 3) -> str:
    """The first ids, for messages."""
    return ", ".join(repr(one) for one, _ in zip(ids, range(most), strict=False))
