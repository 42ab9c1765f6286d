"""Encoders of answers that are in the catalogue already: keywords as sets of values, any answer as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version as library_version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims import Encoded, EncoderSpec, FeatureError, UnknownNameError
from recclaims.features.arguments import number, split_argument
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.lvlm.cleaning import DISTANCE, TOP, Row, clean
from recclaims.lvlm.diagnosis import slot_records
from recclaims.lvlm.own_image import own_image, why_not
from recclaims.lvlm.parsing import Failure, KeywordAnswer, Layout, boxed_names, parse_keywords, unwrap
from recclaims.lvlm.prompts import domain_names, find_domain

if TYPE_CHECKING:
    from recclaims import Item

#: How many items tell the slots, where the domain is not said.
SAMPLE = 500
#: More names in brackets than this are no prompt's slots.
MOST_SLOTS = 20


class _OfAnswers:
    """What both encoders have in common: the name of an answer, and one line where no item has it."""

    name: str
    modality = "textual"
    #: Without an argument there is no case: no name of an answer is a default.
    spec = EncoderSpec(requires=frozenset({"answers", "the name of an answer"}))

    def __init__(self, answer: str) -> None:
        self.answer = answer
        if answer:
            self.spec = replace(self.spec, requires=frozenset({"answers"}))

    def unavailable(self) -> str | None:
        """Say what is missing, without loading anything."""
        if not self.answer:
            return f"{self.name} needs the name of an answer in the catalogue: {self.name}:NAME"
        return SentenceEncoder().unavailable()

    def covers(self, item: Item) -> bool:
        """Say whether the item has this answer."""
        return bool(unwrap(item.answers.get(self.answer, "")))

    def prepare(self, items: Sequence[Item]) -> None:
        """See the catalogue before anything is encoded.

        Raises:
            UnknownNameError: no item has this answer; shows the nearest that some have.
        """
        known = {name for item in items for name in item.answers}
        if self.answer not in known:
            raise UnknownNameError.of("answer", self.answer, known, f"encoder '{self.name}'")


class Answers(_OfAnswers):
    """The sentence embedding of an answer, as of a free description (all-MiniLM-L6-v2, 384 features).

    Args:
        argument: the answer's name in the catalogue, as in `answers:qwen2_description`.
    """

    name = "answers"
    spec = replace(_OfAnswers.spec, answers="description")

    def __init__(self, argument: str = "") -> None:
        super().__init__(argument)
        if argument:
            self.name = f"answers:{argument}"

    @property
    def version(self) -> str:
        """Its own, and the sentence encoder's."""
        return f"1;{SentenceEncoder().version}"

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return float32 (n, 384), as SentenceEncoder does."""
        return SentenceEncoder().encode_texts([unwrap(item.answers[self.answer]) for item in items])


class Keywords(_OfAnswers):
    """One column per value of a slot (`Genre=comedy`), 1 where the answer has it, after the paper's cleaning.

    At most 51 columns a slot: the 50 most frequent values and `Other`. A slot that is left out, or answered with
    `unknown` or the like, has no value. An item whose answer is a refusal or holds no slot is not covered, and
    its row is zero: the empty set.

    Args:
        argument: the answer's name in the catalogue, as in `keywords:qwen2_keyword`, and settings behind a
            question mark: `domain` (a name or a path, see prompts; else the items' own, else the slots that the
            answers name, see guess_slots), `values` (`first`: one a slot, as in the paper; `all`), `distance`, `top`;
            and `images`, an encoder of images and texts in one space that compares the answers with the images, see
            own_image.
    """

    name = "keywords"
    # An item that has none is the empty set.
    spec = replace(_OfAnswers.spec, answers="keyword", representation="sets", imputation="zero")

    def __init__(self, argument: str = "") -> None:
        answer, settings = split_argument(argument, ("domain", "values", "distance", "top", "images"), self.name)
        super().__init__(answer)
        if argument:
            self.name = f"keywords:{argument}"
        self.domain = settings.get("domain", "")
        self.values = settings.get("values", "first")
        if self.values not in ("first", "all"):
            raise UnknownNameError.of("value", self.values, ("first", "all"), f"{self.name}: values")
        self.images = settings.get("images", "")
        self.distance = number(settings, "distance", DISTANCE, 0.0, 2.0, self.name)
        self.top = int(number(settings, "top", TOP, 1, 1_000_000, self.name))
        self.slots: tuple[str, ...] = find_domain(self.domain).slots if self.domain else ()

    def unavailable(self) -> str | None:
        """Say what is missing, the encoder of images that was named included, without loading anything."""
        return super().unavailable() or (why_not(self.images) if self.images else None)

    @cached_property
    def version(self) -> str:
        """Its own, and those of what cleans."""
        libraries = (f"{name}-{library_version(name)}" for name in ("simplemma", "scikit-learn"))
        return ";".join(("1", SentenceEncoder().version, *libraries, *self.slots))

    def prepare(self, items: Sequence[Item]) -> None:
        """Find out which slots were asked for; see _OfAnswers."""
        super().prepare(items)
        domain = self.domain or next((item.domain for item in items if item.domain), "")
        texts = [item.answers[self.answer] for item in items if self.answer in item.answers]
        self.slots = find_domain(domain).slots if domain else guess_slots(texts)
        if all(parse_keywords(text, self.slots).failure for text in texts):
            raise FeatureError(
                f"encoder '{self.name}': none of {len(texts):,} answers names a slot of {', '.join(self.slots)}; "
                "is it a keyword answer, and is this the domain?"
            )

    def parse(self, item: Item) -> KeywordAnswer:
        """An item's answer, parsed; of an item without one, an empty answer."""
        if self.answer not in item.answers:
            return KeywordAnswer(failure=Failure.EMPTY)
        return parse_keywords(item.answers[self.answer], self.slots)

    def covers(self, item: Item) -> bool:
        """Say whether the answer holds any keyword."""
        return bool(self.parse(item).values)

    def cleaned(self, items: Sequence[Item]) -> list[dict[str, tuple[str, ...]]]:
        """The items' values by slot, cleaned over these items."""
        if not self.slots:
            self.prepare(items)
        rows: list[Mapping[str, tuple[str, ...]]] = [self.parse(item).values for item in items]
        if self.values == "first":
            rows = [{slot: values[:1] for slot, values in row.items()} for row in rows]
        return clean(rows, SentenceEncoder().embed, self.distance, self.top)

    def diagnose(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        """Say of every slot what the catalogue's answers hold, raw and cleaned: see diagnosis.slot_records."""
        self.prepare(items)
        answered = [item for item in items if self.answer in item.answers]
        # Cleaned as for the features: over the items that have any keyword.
        cleaned = iter(self.cleaned([item for item in answered if self.covers(item)]))
        rows: list[Row] = [next(cleaned) if self.covers(item) else {} for item in answered]
        texts = [item.answers[self.answer] for item in answered]
        parsed = [self.parse(item) for item in answered]
        said = [{slot: ", ".join(answer.values.get(slot, ())) for slot in self.slots} for answer in parsed]
        return slot_records(parsed, self.slots, rows, texts, own_image(answered, said, self.images))

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return 0 and 1, float32 (n, number of values), columns by slot in the prompt's order, then by value."""
        rows = self.cleaned(items)
        found = {(slot, value) for row in rows for slot, values in row.items() for value in values}
        ordered = sorted(found, key=lambda pair: (self.slots.index(pair[0]), pair[1]))
        columns = {pair: column for column, pair in enumerate(ordered)}
        matrix = np.zeros((len(items), len(columns)), dtype=np.float32)
        for i, row in enumerate(rows):
            matrix[i, [columns[slot, value] for slot, values in row.items() for value in values]] = 1.0
        return matrix


def guess_slots(texts: Sequence[str]) -> tuple[str, ...]:
    """The slots that most values stand behind: of the shipped domains', and those that answers name in brackets.

    The latter are the ones of a prompt of one's own; a shipped domain counts first where both hold as many values.
    """
    sample = texts[:: max(1, len(texts) // SAMPLE)]

    def filled(slots: Sequence[str]) -> int:
        answers = (parse_keywords(text, slots) for text in sample)
        # Values without names would fit any domain with as many slots.
        return sum(len(answer.values) for answer in answers if answer.layout is not Layout.POSITIONAL)

    counts = Counter(names for names in map(boxed_names, sample) if 0 < len(names) <= MOST_SLOTS)
    # Of names that are as frequent, the same ones in whatever order the items come.
    own = [max(counts, key=lambda names: (counts[names], names))] if counts else []
    return max([find_domain(name).slots for name in domain_names()] + own, key=filled)
