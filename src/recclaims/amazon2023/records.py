"""One line as a JSON object, or the kind of fault that it is."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from recclaims.amazon2023.faults import CORRUPT, MISSING, NOT_UTF8, NUL, WRONG_TYPE

#: The longest id that is taken for one.
_LONGEST_ID = 256


class FaultError(Exception):
    """A line that is left out: its kind, and what it is about."""

    def __init__(self, kind: str, about: str = "") -> None:
        super().__init__(kind, about)
        self.kind, self.about = kind, about


def _no_number(text: str) -> NoReturn:
    raise FaultError(CORRUPT, f"{text} is not JSON")


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # As the fast reader of reviews does, so that both read the same.
    return dict(reversed(pairs))


_DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_first_wins)


def parse(line: bytes) -> dict[str, Any]:
    """Read a line that is not blank.

    Raises:
        FaultError: it is not a JSON object in UTF-8.
    """
    if b"\0" in line:
        raise FaultError(NUL)
    try:
        record = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise FaultError(NOT_UTF8) from None
    except (ValueError, RecursionError) as error:
        raise FaultError(CORRUPT, str(error)) from None
    if not isinstance(record, dict):
        raise FaultError(CORRUPT, f"a {type(record).__name__}, not an object")
    return record


def identifier(record: dict[str, Any], field: str) -> str:
    """The id in a field: a text that can be printed, or a whole number."""
    value = record.get(field)
    if value is None or value == "":
        raise FaultError(MISSING, field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > _LONGEST_ID or not value.isprintable():
        raise FaultError(WRONG_TYPE, field)
    return value
