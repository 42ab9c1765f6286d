"""Numbers and lists of things in words, so that one case is not "1 cases"."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, as in `1 case` and `1,200 cases`.

    Args:
        number: how many.
        one: the noun for one of them.
        many: for more; empty: with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, as in `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
