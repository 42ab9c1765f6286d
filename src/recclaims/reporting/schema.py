"""Whether a document is a results.json: every field that a report or a comparison reads, and its type.

Whoever wrote the file, what comes out of here is safe to lay out and to print.
"""

from __future__ import annotations

import reprlib
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.reporting.tables import SHORT

SCHEMA = 1
#: Counts and numbers are not larger in any run, and what is would not fit a plot or a column.
MOST_COUNT, MOST_NUMBER = 10**15, 1e15

#: What a field must be: the test, and its name for people.
Kind = tuple[Callable[[object], bool], str]


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= MOST_NUMBER  # neither NaN nor inf is


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT


def _or_null(kind: Kind) -> Kind:
    test, name = kind
    return lambda value: value is None or test(value), f"{name} or null"


TEXT: Kind = (lambda value: isinstance(value, str), "a text")
NUMBER: Kind = (_is_number, "a number")
COUNT: Kind = (_is_count, "a count")
FLAG: Kind = (lambda value: isinstance(value, bool), "true or false")
OBJECT: Kind = (lambda value: isinstance(value, dict), "an object")
LIST: Kind = (lambda value: isinstance(value, list), "a list")
OBJECTS: Kind = (lambda value: isinstance(value, list) and all(isinstance(v, dict) for v in value), "a list of objects")
TEXT_LIST: Kind = (lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value), "a list of texts")
TEXTS: Kind = (
    lambda value: isinstance(value, dict) and all(isinstance(v, str) for v in value.values()),
    "an object of texts",
)
NUMBERS: Kind = (
    lambda value: isinstance(value, dict) and all(map(_or_null(NUMBER)[0], value.values())),
    "an object of numbers",
)
INTERVAL: Kind = (
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(_or_null(NUMBER)[0], value)),
    "a list of two numbers or nulls",
)

ORDERED: Kind = (
    lambda value: INTERVAL[0](value) and (None in value or value[0] <= value[1]),  # type: ignore[operator,index]
    f"{INTERVAL[1]}, the lower one first",
)
PROBABILITY: Kind = (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1")  # type: ignore[operator]

DOCUMENT: dict[str, Kind] = {
    "profile": TEXT, "seeds": COUNT, "mask": TEXT, "environment": OBJECT, "datasets": OBJECTS, "claims": OBJECTS,
    "cells": OBJECTS, "encoders": OBJECTS, "statements": OBJECT, "references": TEXTS, "hyperparameters": OBJECT,
}  # fmt: skip
DOCUMENT_MAY: dict[str, Kind] = {"created": TEXT, "keywords": OBJECTS, "price_per_hour": _or_null(NUMBER)}
ENVIRONMENT: dict[str, Kind] = {"versions": TEXTS, "cpu": TEXT, "device": TEXT}
HYPERPARAMETERS_MAY: dict[str, Kind] = {"file": TEXT, "tables": OBJECT}
CLAIM: dict[str, Kind] = {
    **dict.fromkeys(("claim", "case", "dataset", "recommender", "treatment", "control", "metric"), TEXT),
    **dict.fromkeys(("treatment_mean", "control_mean", "effect"), _or_null(NUMBER)),
    "p_adjusted": _or_null(PROBABILITY),
    "version": COUNT, "verdict": TEXT, "reason": TEXT, "ci": ORDERED, "margin": NUMBER,
}  # fmt: skip
CLAIM_MAY: dict[str, Kind] = {
    **dict.fromkeys(("flavour", "treatment_noise", "control_noise"), _or_null(TEXT)),
    "relative_effect": _or_null(NUMBER),
    "p_value": _or_null(PROBABILITY), "asked": TEXT_LIST, "seconds": NUMBER,
    **dict.fromkeys(("n_users", "n_seeds", "n_fixed"), COUNT),
}  # fmt: skip
CARD: dict[str, Kind] = {
    "dataset": TEXT, "users": COUNT, "items": COUNT, "interactions": COUNT, "density": NUMBER, "planted": FLAG,
    **dict.fromkeys((f"items_with_{what}" for what in ("image", "text", "both", "attributes")), COUNT),
    "split": TEXT, "relevance": _or_null(NUMBER),
}  # fmt: skip
CARD_MAY: dict[str, Kind] = {
    "parameters": OBJECT,
    **dict.fromkeys(("duplicates_dropped", "users_not_in_train", "items_not_in_train", "users_of_one_time"), COUNT),
    "items_with_markup": COUNT,
}
ENCODER: dict[str, Kind] = {
    "encoder": TEXT, "dataset": TEXT, "items_per_second": _or_null(NUMBER),
    **dict.fromkeys(("items", "dimension", "imputed", "zero_rows", "duplicate_rows"), COUNT),
}  # fmt: skip
ENCODER_MAY: dict[str, Kind] = {
    **dict.fromkeys(("peak_mb", "gpu_peak_mb", "generated_tokens"), _or_null(NUMBER)), "made": OBJECTS,
}  # fmt: skip
MADE: dict[str, Kind] = {"device": TEXT, "batch": COUNT, "items": COUNT}
CELL_MAY: dict[str, Kind] = {"recommender": TEXT, "epochs": COUNT, "best_is_last": FLAG}
KEYWORDS: dict[str, Kind] = {
    **dict.fromkeys(("encoder", "dataset", "slot"), TEXT),
    **dict.fromkeys(("answers", "refusals", "missing", "distinct"), COUNT),
    "compliance": _or_null(NUMBER), "entropy": NUMBER, "other": NUMBER, "examples": TEXT_LIST,
}  # fmt: skip
STATEMENT_MAY: dict[str, Kind] = {
    "statement": TEXT, "source": TEXT, "direction": TEXT, "equivalence": FLAG, "planted": FLAG,
}  # fmt: skip


def _made(encoders: list[dict[str, Any]], where: str) -> None:
    for number, encoder in enumerate(encoders):
        for place, entry in enumerate(encoder.get("made", ())):
            _fields(entry, MADE, {}, f"{where}: encoders[{number}].made[{place}].")


def checked(document: object, where: str) -> dict[str, Any]:
    """Return the document, its texts without what a terminal would obey, or refuse it.

    Args:
        document: what a JSON file held.
        where: the file, for messages.

    Raises:
        RecclaimsError: it has another schema, or a field is missing or of another type; names file and field.
    """
    found = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or found != SCHEMA or isinstance(found, bool):
        raise RecclaimsError(f"{where}: schema is {reprlib.repr(found)}, this version reads {SCHEMA}")
    try:
        clean: dict[str, Any] = _shown(document)
    except RecursionError:
        raise RecclaimsError(f"{where}: not a results.json: nested too deep") from None
    # A baseline has neither, and documents written before they were added lack the others.
    lists: dict[str, Any] = {"cells": [], "encoders": [], "keywords": []}
    clean = lists | {"statements": {}, "references": {}, "hyperparameters": {}} | clean
    _fields(clean, DOCUMENT, DOCUMENT_MAY, f"{where}: ")
    _fields(clean["environment"], ENVIRONMENT, {}, f"{where}: environment.")
    _fields(clean["hyperparameters"], {}, HYPERPARAMETERS_MAY, f"{where}: hyperparameters.")
    for key, must, may in (
        ("claims", CLAIM, CLAIM_MAY),
        ("datasets", CARD, CARD_MAY),
        ("encoders", ENCODER, ENCODER_MAY),
        ("keywords", KEYWORDS, {}),
        ("cells", {"metrics": NUMBERS}, CELL_MAY),
    ):
        for number, entry in enumerate(clean[key]):
            _fields(entry, must, may, f"{where}: {key}[{number}].")
    _made(clean["encoders"], where)
    seen = set()
    for number, entry in enumerate(clean["claims"]):
        name = entry["claim"], entry["case"]
        if name in seen:
            raise RecclaimsError(f"{where}: claims[{number}] is a case that is there already: {reprlib.repr(name[1])}")
        seen.add(name)
        if entry["verdict"] not in SHORT:
            raise UnknownNameError.of("verdict", entry["verdict"], SHORT, f"{where}: claims[{number}]")
    for name, said in clean["statements"].items():
        _fields(_object(said, f"{where}: statements.{name}"), {}, STATEMENT_MAY, f"{where}: statements.{name}.")
    return clean


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RecclaimsError(f"{where} is {reprlib.repr(value)}, not an object")
    return value


def _fields(entry: Mapping[str, Any], must: Mapping[str, Kind], may: Mapping[str, Kind], where: str) -> None:
    for key in must:
        if key not in entry:
            raise RecclaimsError(f"{where}{key} is missing")
    for key, (test, name) in {**must, **may}.items():
        if key in entry and not test(entry[key]):
            raise RecclaimsError(f"{where}{key} is {reprlib.repr(entry[key])}, not {name}")


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
