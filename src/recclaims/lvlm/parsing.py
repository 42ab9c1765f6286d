"""From the raw answer of a vision-language model to slots and values, or to the reason why there are none.

Models were asked for `[Slot] {value}, ...`. They also answer `Slot {value}`, `Slot: value` on one line or
several, JSON, values without names, a list written by the script that ran them, with brackets left open,
with text run on behind the last value, or not at all. Any text gives an answer here; nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache


class Failure(StrEnum):
    """Why an answer holds no keyword."""

    EMPTY = "empty"
    """There is no text."""
    REFUSAL = "refusal"
    """The model declined, saw no image, or filled every slot with `unknown` or the like."""
    UNPARSABLE = "unparsable"
    """A text in which no slot was found."""


class Layout(StrEnum):
    """How an answer is written."""

    ASKED = "asked"
    """`[Slot] {value}, ...`, every slot, in the prompt's order, and nothing else."""
    LABELLED = "labelled"
    """Slots are named, in whatever other way."""
    POSITIONAL = "positional"
    """As many values as slots, without names."""
    NONE = "none"
    """No slot was found."""


@dataclass(frozen=True)
class KeywordAnswer:
    """What an answer says.

    Attributes:
        values: by slot, in the prompt's order, each a tuple of at least one text.
        declined: slots that were answered with nothing usable, as with `unknown`. A slot that is neither here nor
            in `values` was left out.
        layout: how it is written.
        failure: why `values` is empty; None where it is not.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    declined: tuple[str, ...] = ()
    layout: Layout = Layout.NONE
    failure: Failure | None = None


#: The longest text that is still a keyword; more is a sentence that ran on.
MAX_WORDS, MAX_LETTERS = 10, 100
#: Answers are cut here: what stands behind is never the filled line, and patterns stay quick on any text.
MAX_ANSWER = 20_000

_WRAPPED = re.compile(r"""\A\[\s*(['"])(.*)\1\s*,?\s*\]\Z""", re.DOTALL)
_ESCAPE = re.compile(r"""\\(['"\\nt])""")
_ESCAPED = {"n": "\n", "t": "\t"}
_MARKUP = r"""[\s*_"'`#>]{0,8}"""
_GROUP = re.compile(r"\[([^\[\]{}]{0,80})\]\s{0,4}\{([^{}\[\]]{0,200})[}\]]")
_BRACED = re.compile(r"\{([^{}]{0,200})\}")
_BRACKETED = re.compile(r"\[([^\[\]]{0,200})\]")
#: Where one value of a slot ends and the next begins; not within 24/7.
_LIST = re.compile(r"[,;|\n]|(?<!\d)/|/(?!\d)")
_SENTENCE = re.compile(r"(?<=\w{3})[.!?](?=\s|\Z)")
_EDGES = " \t\r\n.,;:!*_\"'`[]{}()<>|#=-–—•"
_PLACEHOLDER = re.compile(
    r"(n/?a|none|null|unknown|unclear|unspecified|undefined|value|\.*"
    r"|not (specified|available|applicable|visible|provided|shown|clear|sure|known|determined|stated|given)"
    r"|(can ?not|can't) be determined)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(sorry|apologi[sz]e|unable to|not able to|can ?not|can['’]t|won['’]t|could ?n['’]t|could not"
    r"|no (image|picture|photo|poster|information)|(image|picture) (is|was) (not|missing|unavailable)"
    r"|not (provided|possible)|as an ai|do(es)?n['’]t (see|have)|do(es)? not (see|have|contain))\b",
    re.IGNORECASE,
)


def parse_keywords(answer: str, slots: Sequence[str]) -> KeywordAnswer:
    """Find the slots' values in an answer.

    Args:
        answer: the raw text, or a list of one text as some scripts write it.
        slots: the names that the prompt asked for, in its order.
    """
    text = unwrap(answer)
    if not text:
        return KeywordAnswer(failure=Failure.EMPTY)
    found = _labelled(text, slots)
    layout = Layout.ASKED if _asked(tuple(slots)).fullmatch(text) else Layout.LABELLED
    if found:
        found = _at_their_places(text, slots) | found
    elif not _REFUSAL.search(text):
        found, layout = _positional(text, slots), Layout.POSITIONAL
    if not found:
        refused = _REFUSAL.search(text)
        return KeywordAnswer(failure=Failure.REFUSAL if refused else Failure.UNPARSABLE)
    values = {slot: kept for slot in slots if (kept := _values(found.get(slot, "")))}
    declined = tuple(slot for slot in slots if slot in found and slot not in values)
    return KeywordAnswer(values, declined, layout, None if values else Failure.REFUSAL)


def named_slots(answer: str, slots: Sequence[str]) -> frozenset[str]:
    """The slots whose names announce a value in an answer, whatever that is."""
    by_name = {_plain(slot): slot for slot in slots}
    labels = _labels(tuple(slots)).finditer(unwrap(answer))
    return frozenset(by_name[name] for label in labels if (name := _plain(label["boxed"] or label["bare"])) in by_name)


def boxed_names(answer: str) -> tuple[str, ...]:
    """The names in brackets that a value in braces follows, each once, in their order: `[Kind] {animal}` has `Kind`.

    Those that could be no slot's are left out: reports show them, and an answer may hold anything.
    """
    found: dict[str, str] = {}
    for group in _GROUP.finditer(unwrap(answer)):
        name = group[1].strip()
        if _plain(name) and name.isprintable():
            found.setdefault(_plain(name), name)
    return tuple(found.values())


def unwrap(answer: str) -> str:
    """The text alone: scripts also wrote it as a list of one, `['...']`, with its escapes."""
    text = answer[:MAX_ANSWER].strip()
    wrapped = _WRAPPED.match(text)
    if wrapped:
        text = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), wrapped[2]).strip()
    return text


@cache
def _asked(slots: tuple[str, ...]) -> re.Pattern[str]:
    """The whole answer as the prompt asks for it; a line break beside the comma and a full stop are let pass."""
    return re.compile(r"\s*,\s*".join(rf"\[{re.escape(slot)}\] \{{[^{{}}\[\]]+\}}" for slot in slots) + r"\.?")


@cache
def _labels(slots: tuple[str, ...]) -> re.Pattern[str]:
    """A slot's name where it announces a value: in brackets, or followed by a separator or a brace."""
    longest_first = sorted(slots, key=len, reverse=True)
    names = "|".join(r"[\s_-]{1,3}".join(map(re.escape, re.split(r"[\s_-]+", slot.strip()))) for slot in longest_first)
    return re.compile(
        rf"(?<!\w)(?:\[{_MARKUP}(?P<boxed>{names}){_MARKUP}\]{_MARKUP}(?:[:=]|[-–—](?=\s))?"
        rf"|(?P<bare>{names})(?!\w){_MARKUP}(?:[:=|]|[-–—](?=\s)|(?=\{{)))",
        re.IGNORECASE,
    )


def _labelled(text: str, slots: Sequence[str]) -> dict[str, str]:
    """Raw values by slot; of a slot that is named twice the first counts, as the second is another round."""
    by_name = {_plain(slot): slot for slot in slots}
    labels = list(_labels(tuple(slots)).finditer(text))
    if not labels:
        return {}
    ends = [label.start() for label in labels[1:]] + [len(text)]
    found: dict[str, str] = {}
    for label, end in zip(labels, ends, strict=True):
        slot = by_name.get(_plain(label["boxed"] or label["bare"] or ""))
        if slot is not None and slot not in found:
            found[slot] = _value(text[label.end() : end])
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


def _value(span: str) -> str:
    """The value at the beginning of what stands between a label and the next one."""
    span = span.lstrip(" \t\r\n:*_\"'`=|")
    if span[:1] in ("{", "["):
        close = re.search(r"[}\]]", span[1:])
        inner = span[1 : close.start() + 1] if close else span[1:].split("\n")[0]
        rest = span[close.end() + 1 :] if close else ""
        # `{Action}, {Comedy}`: the groups that follow without anything between them belong to it.
        while more := re.match(r"\s{0,4}[,/;&]?\s{0,4}\{([^{}\[\]]{0,200})\}", rest):
            inner, rest = f"{inner}, {more[1]}", rest[more.end() :]
        return inner
    line = span.split("\n")[0]
    stop = _SENTENCE.search(line)
    return line[: stop.start()] if stop else line


def _at_their_places(text: str, slots: Sequence[str]) -> dict[str, str]:
    """Values whose label is another text, as a film's title for `Genre`, where all groups stand in order."""
    groups = _GROUP.findall(text)
    if len(groups) != len(slots):
        return {}
    known = {_plain(slot) for slot in slots}
    if any(
        _plain(name) in known and _plain(name) != _plain(slot) for (name, _), slot in zip(groups, slots, strict=True)
    ):
        return {}
    return {slot: value for (_, value), slot in zip(groups, slots, strict=True)}


def _positional(text: str, slots: Sequence[str]) -> dict[str, str]:
    for pattern in (_BRACED, _BRACKETED):
        values = pattern.findall(text)
        if len(values) == len(slots):
            return dict(zip(slots, values, strict=True))
    values = [part.strip(_EDGES) for part in text.split(",")]
    if len(values) == len(slots) and all(0 < len(value.split()) <= 3 for value in values):
        return dict(zip(slots, values, strict=True))
    return {}


def _values(raw: str) -> tuple[str, ...]:
    """The keywords in a slot's raw value, without placeholders and sentences, each once."""
    if _PLACEHOLDER.fullmatch(raw.strip(_EDGES)):
        return ()
    parts = (" ".join(part.strip(_EDGES).split()) for part in _LIST.split(raw))
    kept = (
        part
        for part in parts
        if any(letter.isalnum() for letter in part)
        and not _PLACEHOLDER.fullmatch(part)
        and len(part) <= MAX_LETTERS
        and len(part.split()) <= MAX_WORDS
    )
    return tuple(dict.fromkeys(kept))
