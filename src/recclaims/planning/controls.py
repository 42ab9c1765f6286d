"""What a claim's controls can be, each a type that says what the other arm reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recclaims._model.arm import Arm
from recclaims._model.claim import ALL_NOISE
from recclaims.data.answer_types import counterpart
from recclaims.errors import UnknownNameError
from recclaims.features.fusion import DEFAULT
from recclaims.features.resolve import facts_of, known_encoder
from recclaims.features.spec import methods_of, spec_of, spec_of_factory
from recclaims.planning.arm import Control, Pairing, Reading
from recclaims.planning.spelled_out import TWIN
from recclaims.plugin_manager import BUILTIN

if TYPE_CHECKING:
    from recclaims.plugin_manager import Registry

#: A control that is no encoder of its own: the same model's answers to a misaligned prompt.
MISALIGNED = "misaligned"
#: Controls that are the same encoder, asked otherwise: what the treatment is then called.
GREEDY, LONG, ALONE = "greedy", "long", "alone"
VARIANTS = {GREEDY: "sampled", LONG: "short", ALONE: "batched"}
#: How a sampled answer is drawn where the encoder does not say.
SAMPLING = {"temperature": "0.7", "top_p": "0.9", "seed": "1"}


@dataclass(frozen=True)
class Noise:
    """The same recommender, its features replaced by a noise control."""

    name: str

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control."""
        if reading.fits(self.name):
            replaced = Arm(treated.recommender, reading.encoder, noise=self.name)
            yield Pairing(label, self.name, (treated, replaced), reading.asked)


@dataclass(frozen=True)
class Twin:
    """The same recommender without features."""

    name: str

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control."""
        if self.name in reading.recommender.twins:
            yield Pairing(label, self.name, (treated, Arm(treated.recommender, twin=self.name)), reading.asked)
        elif self.name == TWIN and reading.recommender.stand_in not in (None, treated.noise):
            yield from Noise(reading.recommender.stand_in).pairings(reading, label, treated)


@dataclass(frozen=True)
class OtherRecommender:
    """A recommender that reads no content."""

    name: str

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control."""
        yield Pairing(label, self.name, (treated, Arm(self.name)), reading.asked)


@dataclass(frozen=True)
class OtherEncoder:
    """The same recommender on another encoder's features."""

    name: str

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control."""
        if reading.is_fed(self.name):
            yield Pairing(label, self.name, (treated, Arm(treated.recommender, self.name)), reading.asked)


@dataclass(frozen=True)
class Fused:
    """The same recommender on a fusion of given parts, whose name says them."""

    name: str

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control. Features are shared with whoever leaves the parts out."""
        for parts in reading.parts:
            named = f"{self.name}:{parts}"
            reference = self.name if parts == DEFAULT else named
            if reading.is_fed(reference):
                shown = named if parts == DEFAULT else facts_of(reference, reading.registry).shown
                yield Pairing(label, shown, (treated, Arm(treated.recommender, reference)), (reading.encoder, named))


@dataclass(frozen=True)
class Misaligned:
    """The same encoder on what the same model answered to a misaligned prompt."""

    name: str = MISALIGNED

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control."""
        encoder, _, answer = reading.encoder.partition(":")
        other = counterpart(answer, self.name, reading.answers)
        if other:
            yield Pairing(label, self.name, (treated, Arm(treated.recommender, f"{encoder}:{other}")), reading.asked)


@dataclass(frozen=True)
class Variant:
    """The same encoder twice: asked as the claim says, and as the control does."""

    name: str

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control. Both arms are its own: the treatment is an encoder asked otherwise, too."""
        encoder = known_encoder(reading.encoder, reading.registry)
        settings, variant = spec_of(encoder).answering, methods_of(encoder).variant
        if variant is None:
            return
        if self.name == GREEDY:
            drawn = {key: settings[key] for key in SAMPLING} if float(settings["temperature"]) > 0 else SAMPLING
            mine, other = variant(drawn), variant(dict.fromkeys(SAMPLING))
        elif self.name == ALONE:
            if settings.get("batch", "1") == "1":
                return
            mine, other = reading.encoder, variant({"batch": "1"})
        else:
            short = str(max(1, int(settings["max_new_tokens"]) // 2))
            mine, other = variant({"max_new_tokens": short}), reading.encoder
        arms = Arm(treated.recommender, mine), Arm(treated.recommender, other)
        yield Pairing(f"{reading.facts.shown}/{VARIANTS[self.name]}", self.name, arms, (reading.encoder,))


def known_controls(registry: Registry) -> dict[str, Control]:
    """Every control that a claim can name, by name."""
    recommenders = registry.recommenders.values()
    found: dict[str, Control] = {
        name: Fused(name) if spec_of_factory(made).fuses else OtherEncoder(name)
        for name, made in registry.encoders.items()
    }
    found |= {one.name: OtherRecommender(one.name) for one in recommenders if not one.content}
    found |= {twin: Twin(twin) for one in recommenders for twin in one.twins}
    found |= {name: Noise(name) for name in registry.controls}
    return found | {MISALIGNED: Misaligned()} | {name: Variant(name) for name in VARIANTS}


def controls_of(names: Sequence[str], registry: Registry, control_names: Collection[str], where: str) -> list[Control]:
    """The controls that a claim names.

    Args:
        names: of controls; ALL_NOISE stands for every noise control.
        registry: what is installed.
        control_names: the noise controls that were asked for; empty, or none of the claim's: all of the claim's.
        where: whose names they are, for messages.

    Raises:
        UnknownNameError: one names nothing, so that the claim would silently have no case.
    """
    known = known_controls(registry)
    every = dict.fromkeys(name for one in names for name in ([*registry.controls] if one == ALL_NOISE else [one]))
    for name in every:
        if name not in known:
            raise UnknownNameError.of("control", name, sorted([*known, ALL_NOISE]), where)
    mine = [name for name in every if name in registry.controls]
    asked = [name for name in mine if name in control_names] or mine
    return [known[name] for name in every if name not in mine or name in asked]


def noises_of(
    asked: Sequence[str] | None, by_profile: Sequence[str], registry: Registry, where: str
) -> tuple[str, ...]:
    """Which noise controls to compare with; empty: all.

    Args:
        asked: what somebody asked for; None: the profile's, and those of plugins, which were installed for that.
        by_profile: what the profile has; empty: all.
        registry: what is installed.
        where: the option, for messages.

    Raises:
        UnknownNameError: there is no such control.
    """
    if asked is None:
        of_plugins = [name for name in registry.controls if registry.origin["controls", name] != BUILTIN]
        return (*by_profile, *of_plugins) if by_profile else ()
    for name in asked:
        if name != "all" and name not in registry.controls:
            raise UnknownNameError.of("control", name, [*registry.controls, "all"], where)
    return () if "all" in asked else tuple(asked)
