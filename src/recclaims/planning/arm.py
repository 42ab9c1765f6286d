"""What a claim's treatments and controls come to for a recommender and the features that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from recclaims._model.arm import Arm
from recclaims._model.claim import REAL
from recclaims.features.resolve import EncoderFacts, facts_of

if TYPE_CHECKING:
    from recclaims.features.controls.noise import NoiseControl
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders.spec import Recommender


@dataclass(frozen=True)
class Pairing:
    """Both arms of a case and what people call them.

    Attributes:
        treatment, control: their names.
        arms: the treatment's and the control's.
        asked: encoders that have to be asked for to make this comparison; empty where the treatment's name says it.
    """

    treatment: str
    control: str
    arms: tuple[Arm, Arm]
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A recommender that reads an encoder's features of a dataset.

    Attributes:
        recommender: the recommender.
        encoder: the encoder's reference; `facts` are its.
        modalities, answers: what the dataset carries.
        parts: what a fusion that it is compared with is made of: one or more lists of encoders, joined by `+`.
        registry: what is installed.
        dataset: the dataset's reference.
        others: references of all encoders that take part.
    """

    recommender: Recommender
    encoder: str
    facts: EncoderFacts
    modalities: frozenset[str]
    answers: Sequence[str]
    parts: Sequence[str]
    registry: Registry
    dataset: str = ""
    others: Sequence[str] = ()

    def comparisons(self, treatments: Sequence[str], controls: Sequence[Control]) -> Iterator[Pairing]:
        """Yield what a claim's treatments and controls come to here; nothing for one that means nothing."""
        for treatment in treatments:
            noise = None if treatment == REAL else treatment
            if noise and not self.fits(noise):
                continue
            label = f"{self.facts.shown}/{noise}" if noise else self.facts.shown
            mine = Arm(self.recommender.name, self.encoder, noise)
            for control in controls:
                yield from control.pairings(self, label, mine)

    @property
    def asked(self) -> tuple[str, ...]:
        """What has to be asked for to have the encoder, where its shown name does not say it."""
        return () if self.facts.shown == self.encoder else (self.encoder,)

    def of(self, encoder: str) -> Reading:
        """The same recommender on another encoder's features."""
        return replace(self, encoder=encoder, facts=facts_of(encoder, self.registry))

    def fits(self, noise: str) -> bool:
        """Whether a noise control can be made of these features, and read by the recommender."""
        control: NoiseControl = self.registry.controls[noise]
        has_categories = "attributes" in self.modalities
        return control.unfit(self.facts.blocks, has_categories, self.recommender.reads) is None

    def is_fed(self, encoder: str) -> bool:
        """Whether another encoder has its input here, and the recommender reads what it makes."""
        other = facts_of(encoder, self.registry)
        return other.requires <= self.modalities and can_read(self.recommender, other)


class Control(Protocol):
    """What a treatment is compared with; see controls."""

    @property
    def name(self) -> str:
        """What tables and case names call it."""
        ...

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """Yield the comparisons that it means for a recommender and its features; none where it means nothing.

        Args:
            reading: who reads what.
            label: what people call the treatment.
            treated: the treatment's arm.
        """
        ...


def can_read(recommender: Recommender, facts: EncoderFacts) -> bool:
    """Whether a recommender reads such features, and treats modalities apart where they come apart."""
    return recommender.reads in ("any", facts.representation) and (recommender.separates or not facts.separate)
