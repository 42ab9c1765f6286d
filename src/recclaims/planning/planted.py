"""The cases of claim `controls`: the suite itself on planted data, where the answer is known.

Every recommender that reads content, on the attributes of emoji that users like by the dose; one that cannot do without
a second modality, on their images and attributes:
    dose 0: nothing to find, so "supported" would be false (a negative control);
    dose 1: content is all there is to taste, so it must be found (a positive control).
Every encoder, with a probe that only compares features, where content shows in one channel alone: found by those that
read it, silent for the others. And what such a probe finds rises with the dose.

Where claim `fusion` has cases, it has controls, too: the same probe on emoji whose groups image and text tell together
and neither alone. There one embedding that reads the pair as one must beat every late fusion at dose 1, and none at
dose 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from recclaims._model.arm import Arm
from recclaims._model.case import Case, Expectation
from recclaims.features.encoders.joint_reference import JointReference
from recclaims.features.fusion import DEFAULT
from recclaims.features.resolve import facts_of, is_bound
from recclaims.planning.arm import can_read
from recclaims.planning.case import check, distinct, without_argument
from recclaims.recommenders.spec import Recommender, joins_unasked

if TYPE_CHECKING:
    from recclaims._model.claim import Claim
    from recclaims.data.dataset import DatasetSource
    from recclaims.plugin_manager import Registry

NOTHING, SOME, STRONG = "emoji?dose=0", "emoji?dose=0.5", "emoji?dose=1"
#: By what an encoder must read to see it, a dataset on which nothing else shows.
CHANNELS = {"visual": "emoji?dose=1&channel=visual", "textual": "emoji?dose=1&channel=textual"}
#: The shipped features that tell the groups of channel `both` best.
FEATURES = "attributes"
#: The same with a modality beside it, which shows the groups, too.
PAIR = f"late_fusion-graph:efficientnet-lite0+{FEATURES}"
PROBE = "content-knn"
CONTROL = "permuted"

#: Where image and text tell the group together: what must be found there, and what replaces the features.
JOINT: dict[str, tuple[Expectation, str | None]] = {
    "emoji?dose=0&channel=joint": (Expectation.NEGATIVE_CONTROL, CONTROL),
    "emoji?dose=1&channel=joint": (Expectation.POSITIVE_CONTROL, None),
}
#: The claim that they test.
FUSION = "fusion"

REFERENCES = (NOTHING, SOME, STRONG, *CHANNELS.values(), *JOINT)


class Opened(NamedTuple):
    """A dataset, and the reference that its cells go by: whoever asked for it first chose the words."""

    reference: str
    source: DatasetSource


def planted_cases(
    claim: Claim,
    opened: Mapping[str, Opened],
    registry: Registry,
    encoders: Sequence[str] = (),
    recommender_filter: Callable[[Recommender], bool] = joins_unasked,
) -> Iterator[Case]:
    """Yield the cases of a claim about the suite.

    Args:
        claim: the claim.
        opened: the datasets, by REFERENCES.
        registry: what is installed; a new encoder or recommender is put to the test without another line.
        encoders: the encoders to test, but those that know one dataset alone; empty: all there are.
        recommender_filter: which recommenders take part.
    """
    check(claim, registry)
    for recommender in registry.recommenders.values():
        features = FEATURES if recommender.modalities == 1 else PAIR
        reads = recommender.content and can_read(recommender, facts_of(features, registry))
        if reads and recommender_filter(recommender):
            for reference, expects in ((NOTHING, Expectation.NEGATIVE_CONTROL), (STRONG, Expectation.POSITIVE_CONTROL)):
                yield _case(claim, opened[reference], recommender, features, expects)
    probe = registry.recommenders[PROBE]
    for more, less in ((SOME, NOTHING), (STRONG, SOME)):
        yield _rising(claim, opened[more], opened[less], less, probe)
    several = [encoder for encoder in encoders or without_argument(registry) if encoder != JointReference.name]
    free = [encoder for encoder in several if not is_bound(encoder, registry)]
    for encoder, facts in distinct({name: facts_of(name, registry, "--claims-encoder") for name in free}).items():
        for channel, reference in CHANNELS.items():
            if facts.requires <= opened[reference].source.modalities and can_read(probe, facts):
                sees = channel in facts.requires
                expects = Expectation.POSITIVE_CONTROL if sees else Expectation.NEGATIVE_CONTROL
                case = _case(claim, opened[reference], probe, encoder, expects, tests=encoder)
                asked = () if facts.shown == encoder else (encoder,)
                yield replace(case, treatment=facts.shown, asked=asked)


def joint_cases(claim: Claim, opened: Mapping[str, Opened], registry: Registry) -> Iterator[Case]:
    """Yield the controls of claim `fusion`: the reference encoder against every late fusion that the probe reads.

    At dose 0 both arms have their rows dealt to the items anew. As they were dealt once, one is luckier than the other,
    and the probe shows that: a real effect on these items, of nothing that was planted.

    Args:
        claim: the claim about the suite.
        opened: the datasets, by the references of JOINT.
        registry: what is installed.
    """
    probe, treated = registry.recommenders[PROBE], JointReference.name
    fusions = [name for name in registry.claims[FUSION].controls if name in registry.encoders]
    for reference, (expects, noise) in JOINT.items():
        dataset, dealt = opened[reference], f"/{noise}" if noise else ""
        for fusion in fusions:
            if not can_read(probe, facts_of(fusion, registry)):
                continue
            yield Case(
                claim,
                dataset.reference,
                dataset.source.name,
                probe.name,
                treated + dealt,
                fusion + dealt,
                (Arm(probe.name, treated, noise), Arm(probe.name, fusion, noise)),
                probe.flavour,
                (treated, f"{fusion}:{DEFAULT}"),
                expects,
                FUSION,
            )


def _case(
    claim: Claim,
    dataset: Opened,
    recommender: Recommender,
    features: str,
    expects: Expectation,
    tests: str = "",
) -> Case:
    arms = Arm(recommender.name, features), Arm(recommender.name, features, noise=CONTROL)
    return Case(
        claim,
        dataset.reference,
        dataset.source.name,
        recommender.name,
        features,
        CONTROL,
        arms,
        recommender.flavour,
        expects=expects,
        tests=tests or recommender.name,
    )


def _rising(claim: Claim, more: Opened, less: Opened, label: str, probe: Recommender) -> Case:
    """The same users with more and with less content in their taste: the probe has nothing else to rank by."""
    arms = Arm(probe.name, FEATURES), Arm(probe.name, FEATURES, dataset=less.reference)
    dose = label.partition("=")[2]
    return Case(claim, more.reference, more.source.name, probe.name, FEATURES, f"dose{dose}", arms, probe.flavour)
