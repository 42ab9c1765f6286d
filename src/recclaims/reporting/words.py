"""Numbers of things in words, so that one case is not "1 cases"."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, as in `1 case` and `1,200 cases`.

    Args:
        number: how many.
        one: the noun for one of them.
        many: for more; empty: with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
