"""Whether a document is a results.json: the model says so, and what is wrong becomes one line.

Whoever wrote the file, what comes out of here is safe to lay out and to print.
"""

from __future__ import annotations

import reprlib
import unicodedata
from typing import Any

from pydantic import ValidationError

from recclaims._model.results import READABLE, ResultsDocument
from recclaims._model.verdict import Verdict
from recclaims.checked import path_of, refusal
from recclaims.errors import RecclaimsError, UnknownNameError


def checked(document: object, where: str) -> ResultsDocument:
    """Return the document, its texts without what a terminal would obey, or refuse it.

    Args:
        document: what a JSON file held.
        where: the file, for messages.

    Raises:
        RecclaimsError: it has another schema, or a field is missing or of another type; names file and field.
    """
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, bool) or schema not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise RecclaimsError(f"{where}: schema is {reprlib.repr(schema)}, this version reads {known}")
    try:
        found = as_document(_shown(document), where)
    except RecursionError:
        raise RecclaimsError(f"{where}: not a results.json: nested too deep") from None
    seen = set()
    for number, case in enumerate(found.claims):
        if case.identity in seen:
            raise RecclaimsError(f"{where}: claims[{number}] is a duplicate case: {reprlib.repr(case.case)}")
        seen.add(case.identity)
    return found


def as_document(content: object, where: str) -> ResultsDocument:
    """The typed document, its texts as they are.

    Raises:
        RecclaimsError: a field is missing or of another type; names it.
    """
    try:
        return ResultsDocument.of(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "enum":
            at = path_of(first["loc"])
            raise UnknownNameError.of("verdict", str(first["input"]), list(Verdict), f"{where}: {at}") from None
        raise refusal(error, where) from None


def _shown(value: Any) -> Any:
    """The value with a mark in place of every letter that no page shows and a terminal may obey."""
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join("\N{REPLACEMENT CHARACTER}" if _obeyed(letter) else letter for letter in value)
    if isinstance(value, dict):
        return {_shown(key): _shown(entry) for key, entry in value.items()}
    return [_shown(entry) for entry in value] if isinstance(value, list) else value


def _obeyed(letter: str) -> bool:
    """Control characters but line break and tab, halves of pairs, and marks that turn the direction of a line."""
    if letter in "\n\t":
        return False
    turns = "\N{LEFT-TO-RIGHT EMBEDDING}" <= letter <= "\N{RIGHT-TO-LEFT OVERRIDE}"
    turns = turns or "\N{LEFT-TO-RIGHT ISOLATE}" <= letter <= "\N{POP DIRECTIONAL ISOLATE}"
    return turns or unicodedata.category(letter) in ("Cc", "Cs")
