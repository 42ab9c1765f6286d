"""What pydantic finds wrong with something that others wrote, in one line: where, which key, and what to write."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from recclaims._model.claim import DIRECTIONS, MODALITIES, Claim, claim_type
from recclaims.errors import RecclaimsError, UnknownNameError

if TYPE_CHECKING:
    from pydantic import ValidationError

#: By pydantic's name of an error, what the value should have been; the numbers of its context fill the gaps.
_WANTED = {
    "string_type": "a string",
    "string_too_short": "a string with something in it",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "finite_number": "a finite number",
    "greater_than_equal": "a number from {ge:g}",
    "less_than_equal": "a number up to {le:g}",
    "greater_than": "a number above {gt:g}",
    "less_than": "a number below {lt:g}",
    "too_long": "a list of {max_length}",
}
#: Words that a claim's keys can have, and what one of them is called.
_WORDS = {"direction": ("direction", DIRECTIONS), "modalities": ("modality", MODALITIES)}
#: How what is easily written otherwise is written.
_HINTS = {
    **dict.fromkeys(("margin", "at_least", "not_worse_than", "not_better_than"), "0.02 for 2 %"),
    "level": "0.05 for 5 %",
    **dict.fromkeys(("controls", "treatments"), '["permuted"]'),
    **dict.fromkeys(("encoders", "recommenders"), '["name"]'),
}


def refusal(error: ValidationError, where: str, hints: Mapping[str, str] | None = None) -> RecclaimsError:
    """The first fault in one line: file, key, and what should stand there.

    Args:
        error: pydantic's.
        where: the file or the name of what was read.
        hints: by the first key of the path, how it is written.
    """
    first = error.errors(include_url=False)[0]
    kind, context = first["type"], first.get("ctx", {})
    path = path_of(first["loc"])
    if kind == "missing":
        return RecclaimsError(f"{where}: {path} is missing")
    if kind == "value_error":
        said = str(context["error"])
        if not path:
            return RecclaimsError(f"{where}: {said}")
    else:
        said = _WANTED.get(kind, "").format(**context) or first["msg"]
    hint = (hints or {}).get(str(first["loc"][0]))
    then = f"; write {hint}" if hint else ""
    return RecclaimsError(f"{where}: {path} is {reprlib.repr(first['input'])}, not {said}{then}")


def path_of(parts: Sequence[str | int]) -> str:
    """A place in a document as people write it: `claims[3].margin`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def claim_of(content: Mapping[str, Any], where: str) -> Claim:
    """A claim of what a file or a program says, its lists as tuples.

    Args:
        content: by the claim's fields.
        where: whose it is, for messages.

    Raises:
        RecclaimsError: a field is missing, of another type, or out of its range.
        UnknownNameError: there is no such field, or no such word for it.
    """
    from pydantic import ValidationError

    known = {one.name: one.default is MISSING for one in fields(Claim)}
    for key in content:
        if key not in known:
            raise UnknownNameError.of("key", key, known, where)
    for key, needed in known.items():
        if needed and key not in content:
            raise RecclaimsError(f"{where}: {key} is missing")
    try:
        return claim_type().validate_python(Claim(**{key: _as_tuple(value) for key, value in content.items()}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "literal_error":
            kind, words = _WORDS[str(first["loc"][0])]
            raise UnknownNameError.of(kind, str(first["input"]), words, where) from None
        raise refusal(error, where, _HINTS) from None


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value
