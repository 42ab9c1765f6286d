"""What pydantic finds wrong with something that others wrote, in one line: where, which key, and what to write."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from recclaims._model.claim import DIRECTIONS, IN_A_FILE, Claim, claim_type
from recclaims._model.population import CARRIED, SomeItems, SomeUsers
from recclaims._model.reads import FILLINGS, MODALITIES, Reads
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
_WORDS = {
    "direction": ("direction", DIRECTIONS),
    **dict.fromkeys(("modalities", "modality"), ("modality", MODALITIES)),
    **dict.fromkeys(("having", "lacking"), ("content", CARRIED)),
    "popularity": ("popularity", ("head", "tail")),
    "imputation": ("imputation", FILLINGS),
}
#: The tables that a claim can have.
_TABLES: dict[str, type] = {
    **dict.fromkeys(("treatment", "control"), Reads),
    **dict.fromkeys(("items", "than_on"), SomeItems),
    "users": SomeUsers,
}
#: How what is easily written otherwise is written.
_HINTS = {
    **dict.fromkeys(("margin", "at_least", "not_worse_than", "not_better_than"), "0.02 for 2 %"),
    "level": "0.05 for 5 %",
    **dict.fromkeys(("controls", "treatments"), '["permuted"]'),
    **dict.fromkeys(("encoders", "recommenders"), '["name"]'),
    **dict.fromkeys(("treatment", "control"), '{ encoder = "sbert" }'),
    **dict.fromkeys(("items", "users", "than_on"), "{ train_at_most = 5 }"),
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

    _check_keys(content, Claim, where)
    said = {key: _with_tables(key, _as_tuple(value), where) for key, value in content.items()}
    try:
        return claim_type().validate_python(Claim(**said))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "literal_error":
            place = [str(part) for part in first["loc"] if str(part) in _WORDS]
            kind, words = _WORDS[place[-1]]
            raise UnknownNameError.of(kind, str(first["input"]), words, where) from None
        raise refusal(error, where, _HINTS) from None


def claims_of(document: Mapping[str, Any], where: str, source: str) -> list[Claim]:
    """The claims of a file: a list of tables, `[[claim]]`.

    Args:
        document: what the file says.
        where: the file, for messages.
        source: of a claim that names none.

    Raises:
        RecclaimsError: see claim_of; or there is none, or two have one id.
    """
    for key in document:
        if key != "claim":
            raise UnknownNameError.of("table", key, ["claim"], where)
    entries = document.get("claim", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise RecclaimsError(f"{where}: has no claim; write [[claim]] above each")
    found: dict[str, Claim] = {}
    for number, entry in enumerate(entries):
        named = entry.get("id")
        place = f"{where}: claim '{named}'" if isinstance(named, str) and named else f"{where}: claim[{number}]"
        claim = claim_of({**IN_A_FILE, "source": source, **entry}, place)
        if claim.id in found:
            raise RecclaimsError(f"{place} is there twice; give each its own id")
        found[claim.id] = claim
    return [*found.values()]


def _check_keys(content: Mapping[str, Any], kind: type, where: str) -> None:
    known = {one.name: one.default is MISSING for one in fields(kind)}
    for key in content:
        if key not in known:
            raise UnknownNameError.of("key", key, known, where)
    for key, needed in known.items():
        if needed and key not in content:
            raise RecclaimsError(f"{where}: {key} is missing")


def _with_tables(key: str, value: Any, where: str) -> Any:
    """A value of a claim whose tables are what they stand for; `control` may be one table or several."""
    if key not in _TABLES:
        return value
    several = (value,) if key == "control" and isinstance(value, Mapping | Reads) else value
    if isinstance(several, tuple):
        return tuple(_table(key, part, where) for part in several)
    return _table(key, several, where)


def _table(key: str, value: Any, where: str) -> Any:
    kind = _TABLES[key]
    if value is None or isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise RecclaimsError(f"{where}: {key} is {reprlib.repr(value)}, not a table; write {_HINTS[key]}")
    _check_keys(value, kind, f"{where}: {key}")
    return kind(**{name: _as_tuple(part) for name, part in value.items()})


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value
