"""Claims, declared: what is said, by whom, and which comparisons would show it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Ge, Gt, Lt, MinLen

from recclaims._model.population import Population, SomeItems, SomeUsers
from recclaims._model.reads import Modality, Reads
from recclaims._model.strict import STRICT

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: The treatment of most claims: the encoder's features as they are.
REAL = "real"
#: As a claim's control: every noise control there is, those of plugins included.
ALL_NOISE = "noise"
#: The metric that claims are judged by, where they do not say.
JUDGED = "smooth_recall"

Direction = Literal["greater", "less"]
#: The sides of zero that a claim can be on.
DIRECTIONS: tuple[str, ...] = get_args(Direction)

#: Relative to the control's mean: of what can only be a part of it, and of what may be more.
Part = Annotated[float, Ge(0), Lt(1)]
Share = Annotated[float, Ge(0)]


@dataclass(frozen=True)
class Claim:
    """A statement that an experiment can support or contradict."""

    id: Annotated[str, MinLen(1)]
    """Its name; the marker that selects it (`-m noise`)."""
    version: Annotated[int, Ge(0)]
    """Raised when the comparison changes, so that unequal results are never compared."""
    statement: str
    """The claim in one sentence."""
    source: str
    """Who makes it."""
    controls: tuple[str, ...] = ()
    """What the treatment is compared with: "noise" for every noise control there is, or names of single ones (the same
    recommender with its features replaced), of twins (the same without features), of recommenders without content, of
    encoders (the same recommender on their features; of a fusion, with the parts that are asked for or here),
    "misaligned": the same model's answers to a misaligned prompt, or "greedy" and "long": the same encoder without
    sampling, or with twice as many tokens."""
    treatments: tuple[str, ...] = (REAL,)
    """What the recommender reads: "real", or names of noise controls, where the claim is about noise."""
    treatment: Reads | None = None
    """What the treatment reads, said in so many words; None: see `treatments`."""
    control: tuple[Reads, ...] = ()
    """What it is compared with, said in so many words, in place of `controls`; each is a comparison of its own."""
    modalities: tuple[Modality, ...] = ()
    """Of the encoders that take part; empty: all."""
    encoders: tuple[str, ...] = ()
    """Names of those that take part, on every answer of their kind that a dataset carries; empty: all that need no
    argument."""
    generative: bool = False
    """Whether only encoders take part that read the states of a model that answers: those asked for, or else those
    whose weights are here."""
    recommenders: tuple[str, ...] = ()
    """Names of those that take part; empty: all."""
    trained: bool = False
    """Whether only recommenders that are trained take part."""
    on_request: bool = False
    """Whether it is left out of a run that does not name it (`-m modality`)."""
    planted: bool = False
    """Whether it is about the suite: its cases are on planted data, whatever dataset was asked for."""
    direction: Direction = "greater"
    """On which side of the control the treatment is claimed to be."""
    equivalence: bool = False
    """Whether the claim is that the arms do not differ."""
    at_least: Share = 0.0
    """How much better, relative to the control's mean; 0: at all."""
    not_worse_than: Part | None = None
    """Where the claim is that the treatment is not worse by more than that share (non-inferiority)."""
    not_better_than: Share | None = None
    """Where it is that the treatment is not better by more than that (non-superiority)."""
    margin: Part = 0.02
    """The smallest effect of interest, relative to the control's mean; set before any run."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.05
    """How often a case may be wrong to either side together, whatever number of looks it takes."""
    metric: str = JUDGED
    """What is compared: any metric of users, as `recall@20` or `smooth_recall`."""

    items: SomeItems | None = None
    """Of which items it speaks: a user's value is over their relevant test items among these, ranked among all."""
    users: SomeUsers | None = None
    """Of which users it speaks."""
    than_on: SomeItems | None = None
    """Where the claim is that the effect is larger on `items` than on these: the ratio of both ratios is judged."""

    #: How pydantic reads it, see claim_type.
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @property
    def name(self) -> str:
        """The id: a claim is found by it."""
        return self.id

    @property
    def reads(self) -> tuple[Reads, ...]:
        """What its arms read, as far as it says so in so many words."""
        return (*([self.treatment] if self.treatment else []), *self.control)

    @property
    def population(self) -> Population:
        """Of which items and users it speaks."""
        return Population(self.items, self.users)

    @property
    def other_population(self) -> Population | None:
        """On which the effect is claimed to be smaller; None: the claim compares no two effects."""
        return Population(self.than_on, self.users) if self.than_on else None

    @property
    def spoken_of(self) -> str:
        """Of which items and users it speaks, for people; empty: of all."""
        return f"{self.population} against {self.than_on}" if self.than_on else str(self.population)

    @property
    def faults(self) -> Iterator[str]:
        """What does not go together."""
        if len(self.thresholds) > 1:
            yield "it can say only one of equivalence, at_least, not_worse_than and not_better_than"
        if not self.control and not self.controls:
            yield 'it compares with nothing; write control = { encoder = "sbert" } or controls = ["permuted"]'
        if self.control and self.controls:
            yield "it has both control and controls; write one of them"
        for name, parts in (("treatment", [self.treatment] if self.treatment else []), ("control", self.control)):
            yield from (f"{name} {fault}" for part in parts for fault in part.faults)
        if self.than_on and not self.items:
            yield "it has than_on without items; write items, too: on which the effect is claimed to be larger"
        for name, one in (("items", self.items), ("users", self.users), ("than_on", self.than_on)):
            yield from (f"{name} {fault}" for fault in (one.faults if one else ()))
        if self.treatment:
            # Each would be overruled without a word.
            said = {"treatments": self.treatments != (REAL,), "encoders": self.encoders, "generative": self.generative}
            yield from (f"it has both treatment and {name}; write one of them" for name in said if said[name])

    @property
    def thresholds(self) -> tuple[str, ...]:
        """Names of what it says other than that one arm is better; it can say one of them."""
        said = {
            "equivalence": self.equivalence,
            "at_least": self.at_least > 0,
            "not_worse_than": self.not_worse_than is not None,
            "not_better_than": self.not_better_than is not None,
        }
        return tuple(name for name, is_said in said.items() if is_said)


@functools.cache
def claim_type() -> TypeAdapter[Claim]:
    """Checks all of a claim that was made; pydantic is imported when the first one is checked."""
    from pydantic import AfterValidator, TypeAdapter

    def consistent(claim: Claim) -> Claim:
        for fault in claim.faults:
            raise ValueError(fault)
        return claim

    return TypeAdapter(Annotated[Claim, AfterValidator(consistent)])


#: What a file need not say of a claim, and what it is then; the source is the file.
IN_A_FILE = {"version": 1, "source": ""}


def claim_schema() -> dict[str, Any]:
    """The JSON Schema of a file of claims: `[[claim]]` for each."""
    claim = claim_type().json_schema()
    parts = claim.pop("$defs", {})
    claim["required"] = [name for name in claim["required"] if name not in IN_A_FILE]
    one = claim["properties"]["control"]
    one["anyOf"] = [one["items"], {key: one.pop(key) for key in ("type", "items")}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Claims",
        "type": "object",
        "properties": {"claim": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Claim"}}},
        "required": ["claim"],
        "additionalProperties": False,
        "$defs": {"Claim": claim, **parts},
    }
