"""How text and tables are laid out on a terminal of 100 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

from tabulate import tabulate

#: No line is longer, unless a single name is.
WIDTH = 100
#: Colours a text after the kind of thing that it says: a verdict, `good`, `bad`, `strong`.
Paint = Callable[[str, str], str]
#: A number with its unit, and an interval; what stands for the blanks within while lines are broken.
_KEPT, _GLUE = re.compile(r"[+-][\d.]+ %( \[[^\[\]]*\])?|\d %"), "\N{NO-BREAK SPACE}"
_ANSI = re.compile(r"\x1b\[[\d;]*m")


def unpainted(text: str, kind: str) -> str:
    """The text as it is: for a file, a pipe, and a terminal without colours."""
    del kind
    return text


def glued(text: str) -> str:
    """A text whose numbers stay with their units, and whose intervals in one piece, wherever its lines are broken."""
    return _KEPT.sub(lambda found: found[0].replace(" ", _GLUE), text)


def wrapped(text: str, indent: int = 0, hanging: int | None = None) -> list[str]:
    """A text in lines of at most WIDTH; a name that is longer stays whole, and so does an interval.

    Args:
        text: one paragraph.
        indent: blanks before its first line.
        hanging: blanks before the others; None: two more.
    """
    further = indent + 2 if hanging is None else hanging
    words = glued(" ".join(text.split()))
    lines = textwrap.wrap(
        words,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * further,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def fitted(headers: Sequence[str], rows: Sequence[Sequence[str]], labels: int, right: Sequence[str] = ()) -> list[str]:
    """A table, in several below each other where it is wider than WIDTH.

    Args:
        headers: of the columns.
        rows: what stands in them.
        labels: how many columns name a row; they are repeated in every part.
        right: headers of columns that are aligned to the right.
    """
    lines: list[str] = []
    for part in _parts(headers, rows, labels):
        table = tabulate(
            [[row[i] for i in part] for row in rows],
            headers=[headers[i] for i in part],
            disable_numparse=True,
            colalign=["right" if headers[i] in right else "left" for i in part] if rows else None,
        )
        lines += [*([""] if lines else []), *(line.rstrip() for line in table.splitlines())]
    return lines


def _parts(headers: Sequence[str], rows: Sequence[Sequence[str]], labels: int) -> Iterator[list[int]]:
    """The columns of each part: the labels, and as many others as there is room for, but one at least."""
    # Two blanks stand between columns, and tabulate keeps two more for a head that is aligned to the right.
    widths = [max(map(_length, [f"{head}  ", *(row[i] for row in rows)])) + 2 for i, head in enumerate(headers)]
    names = list(range(labels))
    used = sum(widths[:labels])
    part: list[int] = []
    room = WIDTH + 2 - used
    for i in range(labels, len(headers)):
        if part and widths[i] > room:
            yield names + part
            part, room = [], WIDTH + 2 - used
        part.append(i)
        room -= widths[i]
    if part or not headers[labels:]:
        yield names + part


def _length(text: str) -> int:
    return len(_ANSI.sub("", text))
