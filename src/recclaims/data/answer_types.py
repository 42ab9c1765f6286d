"""What an answer in a catalogue was asked for, by its name: model and kind, as in `qwen2_keyword`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

KINDS = ("keyword", "description", "misaligned")
_KIND = re.compile(r"(?P<model>.+?)[_-]*(?P<kind>keyword|descri|misaligned|mis(?![a-z]))", re.IGNORECASE)
_NAMED = {"keyword": "keyword", "descri": "description", "mis": "misaligned", "misaligned": "misaligned"}


class AnswerKind(NamedTuple):
    """The model that answered and the kind of prompt, one of KINDS; kind is empty where the name does not say."""

    model: str
    kind: str


def kind_of(name: str) -> AnswerKind:
    """Read an answer's name: `phi_35vl_descriptive` is a description by `phi_35vl`."""
    match = _KIND.match(name)
    return AnswerKind(match["model"], _NAMED[match["kind"].lower()]) if match else AnswerKind(name, "")


def of_kind(names: Collection[str], kind: str) -> list[str]:
    """Those names whose answers are of a kind, in their order."""
    return [name for name in names if kind_of(name).kind == kind]


def counterpart(name: str, kind: str, names: Collection[str]) -> str | None:
    """The answer that the same model gave to another kind of prompt; None where there is none."""
    model = kind_of(name).model
    return next((other for other in of_kind(names, kind) if kind_of(other).model == model), None)
