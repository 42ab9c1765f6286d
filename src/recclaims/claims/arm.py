"""Arms: what a recommender reads on either side of a comparison, and what a claim's words mean for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recclaims.claims.claim import REAL
from recclaims.encoders.fusion import DEFAULT
from recclaims.encoders.language.kinds import counterpart
from recclaims.encoders.noise import CONTROLS
from recclaims.encoders.resolve import EncoderFacts, facts_of, make_encoder
from recclaims.runner.cell import Cell

if TYPE_CHECKING:
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders.spec import Recommender

#: A control that is no encoder of its own: the same model's answers to a misaligned prompt.
MISALIGNED = "misaligned"
#: Controls that are the same encoder, asked otherwise: what the treatment is then called.
GREEDY, LONG = "greedy", "long"
VARIANTS = {GREEDY: "sampled", LONG: "short"}
#: How a sampled answer is drawn where the encoder does not say.
SAMPLING = {"temperature": "0.7", "top_p": "0.9", "seed": "1"}


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a recommender and what it reads; its cells differ by replicate alone.

    Attributes:
        recommender: its name.
        features: reference of the encoder; None: no features.
        noise: the control that replaces the features; None: nothing does.
        twin: which feature-free twin; None: the recommender itself.
        dataset: reference of its dataset, where that is not the case's.
    """

    recommender: str
    features: str | None = None
    noise: str | None = None
    twin: str | None = None
    dataset: str | None = None

    def cells(self, dataset: str, seeds: int) -> list[Cell]:
        """One cell per replicate."""
        dataset = self.dataset or dataset
        return [Cell(dataset, self.recommender, self.features, self.noise, self.twin, seed) for seed in range(seeds)]


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
    """

    recommender: Recommender
    encoder: str
    facts: EncoderFacts
    modalities: frozenset[str]
    answers: Sequence[str]
    parts: Sequence[str]
    registry: Registry

    def comparisons(self, treatments: Sequence[str], controls: Sequence[str]) -> Iterator[Pairing]:
        """Yield what a claim's treatments and controls come to here; nothing for one that means nothing."""
        for treatment in treatments:
            noise = None if treatment == REAL else treatment
            if noise and not self._fits(noise):
                continue
            shown = self.facts.shown
            label, asked = f"{shown}/{noise}" if noise else shown, () if shown == self.encoder else (self.encoder,)
            mine = Arm(self.recommender.name, self.encoder, noise)
            for control in controls:
                if control in VARIANTS:
                    yield from self._variants(control)
                elif getattr(self.registry.encoders.get(control), "fuses", False):
                    for name, reference, other in self._fused(control):
                        yield Pairing(label, name, (mine, other), (self.encoder, reference))
                else:
                    other_arm = self._control(control)
                    if other_arm is not None:
                        yield Pairing(label, control, (mine, other_arm), asked)

    def _control(self, control: str) -> Arm | None:
        """The arm that a control's name means here; None where it means nothing."""
        if control in CONTROLS:
            return Arm(self.recommender.name, self.encoder, noise=control) if self._fits(control) else None
        if control in self.recommender.twins:
            return Arm(self.recommender.name, twin=control)
        if control == MISALIGNED:
            return self._misaligned()
        if control in self.registry.encoders:
            return Arm(self.recommender.name, control) if self._is_fed(control) else None
        return Arm(control) if control in self.registry.recommenders else None

    def _misaligned(self) -> Arm | None:
        """The same encoder on what the same model answered to a misaligned prompt."""
        encoder, _, answer = self.encoder.partition(":")
        other = counterpart(answer, MISALIGNED, self.answers)
        return Arm(self.recommender.name, f"{encoder}:{other}") if other else None

    def _fused(self, fusion: str) -> Iterator[tuple[str, str, Arm]]:
        """A fusion of given parts: what people call it, its reference, and its arm.

        Both say the parts, and its features are shared with whoever leaves them out.
        """
        for parts in self.parts:
            reference = fusion if parts == DEFAULT else f"{fusion}:{parts}"
            if self._is_fed(reference):
                shown = f"{fusion}:{parts}" if parts == DEFAULT else facts_of(reference, self.registry).shown
                yield shown, f"{fusion}:{parts}", Arm(self.recommender.name, reference)

    def _is_fed(self, encoder: str) -> bool:
        other = facts_of(encoder, self.registry)
        return other.requires <= self.modalities and can_read(self.recommender, other)

    def _variants(self, control: str) -> Iterator[Pairing]:
        """The same encoder twice: asked as the claim says, and as the control does."""
        encoder: Any = make_encoder(self.encoder, self.registry)
        settings: Mapping[str, str] = getattr(encoder, "answering", {})
        if not settings:
            return
        variant: Callable[[Mapping[str, str | None]], str] = encoder.variant
        if control == GREEDY:
            drawn = {key: settings[key] for key in SAMPLING} if float(settings["temperature"]) > 0 else SAMPLING
            treated, other = variant(drawn), variant(dict.fromkeys(SAMPLING))
        else:
            treated, other = (
                variant({"max_new_tokens": str(max(1, int(settings["max_new_tokens"]) // 2))}),
                self.encoder,
            )
        arms = Arm(self.recommender.name, treated), Arm(self.recommender.name, other)
        yield Pairing(f"{self.facts.shown}/{VARIANTS[control]}", control, arms, (self.encoder,))

    def _fits(self, noise: str) -> bool:
        has_categories = "attributes" in self.modalities
        return CONTROLS[noise].unfit(self.facts.blocks, has_categories, self.recommender.reads) is None


def can_read(recommender: Recommender, facts: EncoderFacts) -> bool:
    """Whether a recommender reads such features, and treats modalities apart where they come apart."""
    return recommender.reads in ("any", facts.representation) and (recommender.separates or not facts.separate)
