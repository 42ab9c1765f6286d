"""How well a model kept to the format, and what its answers hold: the numbers to read before any claim on keywords."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recclaims.lvlm.cleaning import OTHER, Row
from recclaims.lvlm.own_image import OwnImage
from recclaims.lvlm.parsing import Failure, KeywordAnswer, Layout, named_slots, parse_keywords
from recclaims.lvlm.prompts import domain_names, find_domain

#: Values that a slot's report shows.
EXAMPLES = 5


@dataclass(frozen=True)
class Compliance:
    """What came of one model's keyword answers.

    Attributes:
        name: the model and prompt.
        answers: how many there are; refusals, empty and unparsable ones included.
        asked: written exactly as the prompt asks.
        whole: every slot was answered, in whatever layout, `unknown` included.
        partial: some slots were.
        refusals, empty, unparsable: see Failure.
        drifted: answers to another prompt, see `drifted`; they also count as what they are besides.
    """

    name: str
    answers: int
    asked: int
    whole: int
    partial: int
    refusals: int
    empty: int
    unparsable: int
    drifted: int = 0

    @property
    def parsed(self) -> float:
        """Share of the answers, refusals and empty ones aside, of which every slot was found; NaN without any."""
        given = self.answers - self.refusals - self.empty
        return self.whole / given if given else math.nan

    @classmethod
    def of(
        cls, name: str, answers: Sequence[KeywordAnswer], slots: Sequence[str], texts: Sequence[str] = ()
    ) -> Compliance:
        """Count; without the raw `texts` nothing is known of drift."""
        failures = Counter(answer.failure for answer in answers)
        found = [len(answer.values) + len(answer.declined) for answer in answers if answer.failure is None]
        whole = sum(n == len(slots) for n in found)
        return cls(
            name=name,
            answers=len(answers),
            asked=sum(answer.layout is Layout.ASKED for answer in answers),
            whole=whole,
            partial=len(found) - whole,
            refusals=failures[Failure.REFUSAL],
            empty=failures[Failure.EMPTY],
            unparsable=failures[Failure.UNPARSABLE],
            drifted=sum(drifted(text, slots) for text in texts),
        )


@dataclass(frozen=True)
class SlotReport:
    """What one slot holds over a catalogue.

    Attributes:
        slot: its name.
        answered: items with a value.
        declined: items whose answer says `unknown` or the like.
        missing: items whose answer leaves the slot out, refusals and the like included.
        distinct: different values.
        entropy: of the values' distribution, in bits; 0 where every item has the same.
        other: share of the values that are `Other`; 0 before cleaning.
        examples: the most frequent values, at most EXAMPLES.
    """

    slot: str
    answered: int
    declined: int
    missing: int
    distinct: int
    entropy: float
    other: float
    examples: tuple[str, ...]


def drifted(answer: str, slots: Sequence[str]) -> bool:
    """Whether an answer follows another prompt than the one that was asked: it names more slots of another domain.

    Slots that the two share count for both, so that `Pet Type` among the others tells an answer to pets from one to
    baby, and one slot too many tells nothing. Values without names tell nothing either.

    Args:
        answer: the raw text.
        slots: what was asked for.
    """
    asked = len(named_slots(answer, slots))
    others = (find_domain(name).slots for name in domain_names())
    # Where it names all that was asked for, no other domain can have more.
    return any(len(named_slots(answer, other)) > max(asked, 1) for other in others if len(other) > asked)


def compliance(answers: Mapping[str, Sequence[str]], slots: Sequence[str]) -> list[Compliance]:
    """One row per model: raw answers by name, parsed with the slots that were asked for."""
    return [
        Compliance.of(name, [parse_keywords(text, slots) for text in texts], slots, texts)
        for name, texts in answers.items()
    ]


def compliance_table(rows: Sequence[Compliance]) -> str:
    """The rows as a table for the terminal."""
    from tabulate import tabulate

    header = ["answers", "n", "as asked", "all slots", "some slots", "refused", "empty", "unparsable", "drifted"]
    body = [
        (
            row.name,
            row.answers,
            f"{row.asked / max(row.answers, 1):.1%}",
            f"{row.parsed:.1%}",
            row.partial,
            row.refusals,
            row.empty,
            row.unparsable,
            row.drifted,
        )
        for row in rows
    ]
    return tabulate(body, headers=header)


def slot_reports(
    answers: Sequence[KeywordAnswer], slots: Sequence[str], cleaned: Sequence[Row] | None = None
) -> list[SlotReport]:
    """One report per slot.

    Args:
        answers: one per item.
        slots: what was asked for.
        cleaned: the values after cleaning, aligned with `answers`; None: the raw ones.
    """
    rows: Sequence[Row] = [answer.values for answer in answers] if cleaned is None else cleaned
    return [_slot(slot, answers, rows) for slot in slots]


def _slot(slot: str, answers: Sequence[KeywordAnswer], rows: Sequence[Row]) -> SlotReport:
    counts = Counter(value for row in rows for value in row.get(slot, ()))
    total = sum(counts.values())
    answered = sum(slot in answer.values for answer in answers)
    declined = sum(slot in answer.declined for answer in answers)
    return SlotReport(
        slot=slot,
        answered=answered,
        declined=declined,
        missing=len(answers) - answered - declined,
        distinct=len(counts),
        entropy=sum(n / total * math.log2(total / n) for n in counts.values()),
        other=counts[OTHER] / total if total else 0.0,
        examples=tuple(value for value, _ in counts.most_common() if value != OTHER)[:EXAMPLES],
    )


def slot_records(
    answers: Sequence[KeywordAnswer],
    slots: Sequence[str],
    cleaned: Sequence[Row] | None = None,
    texts: Sequence[str] = (),
    images: OwnImage | None = None,
) -> list[dict[str, Any]]:
    """One flat record per slot, as results.json holds it: how the answers kept to the format, and what the slot holds.

    Args:
        answers, slots, cleaned: see slot_reports.
        texts: the raw answers.
        images: how they fit the items' images, where that is known.
    """
    kept = Compliance.of("", answers, slots, texts)
    whole = {
        "answers": kept.answers,
        "compliance": kept.asked / kept.answers if kept.answers else None,
        "parsed": None if math.isnan(kept.parsed) else kept.parsed,
        "refusals": kept.refusals,
        "empty": kept.empty,
        "unparsable": kept.unparsable,
        "drifted": kept.drifted,
    }
    return [
        {
            "slot": report.slot,
            **whole,
            "answered": report.answered,
            "declined": report.declined,
            "missing": report.missing,
            "distinct": report.distinct,
            "entropy": report.entropy,
            "other": report.other,
            "examples": list(report.examples),
            **(images.record(report.slot) if images else {}),
        }
        for report in slot_reports(answers, slots, cleaned)
    ]
