"""Claims, declared: what is said, by whom, and which comparisons would show it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Ge, Gt, Lt, MinLen

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: The treatment of most claims: the encoder's features as they are.
REAL = "real"
#: As a claim's control: every noise control there is, those of plugins included.
ALL_NOISE = "noise"
#: The metric that claims are judged by, where they do not say.
JUDGED = "smooth_recall"

Direction = Literal["greater", "less"]
Modality = Literal["visual", "textual", "multimodal"]
#: The sides of zero that a claim can be on.
DIRECTIONS: tuple[str, ...] = get_args(Direction)
#: What an encoder can read.
MODALITIES: tuple[str, ...] = get_args(Modality)

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
    controls: tuple[str, ...]
    """What the treatment is compared with: "noise" for every noise control there is, or names of single ones (the same
    recommender with its features replaced), of twins (the same without features), of recommenders without content, of
    encoders (the same recommender on their features; of a fusion, with the parts that are asked for or here),
    "misaligned": the same model's answers to a misaligned prompt, or "greedy" and "long": the same encoder without
    sampling, or with twice as many tokens."""
    treatments: tuple[str, ...] = (REAL,)
    """What the recommender reads: "real", or names of noise controls, where the claim is about noise."""
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

    #: How pydantic reads it, see claim_type.
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "strict": True,
        "revalidate_instances": "always",
        "extra": "forbid",
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }

    @property
    def name(self) -> str:
        """The id: a claim is found by it."""
        return self.id

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
        if len(claim.thresholds) > 1:
            raise ValueError("it can say only one of equivalence, at_least, not_worse_than and not_better_than")
        return claim

    return TypeAdapter(Annotated[Claim, AfterValidator(consistent)])


def claim_schema() -> dict[str, Any]:
    """The JSON Schema of a claim, as a file could hold it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **claim_type().json_schema()}
