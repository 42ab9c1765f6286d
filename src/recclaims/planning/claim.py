"""Claims, declared: what is said, by whom, and which comparisons would show it."""

from __future__ import annotations

from dataclasses import dataclass

from recclaims.evaluation.metrics import JUDGED

#: The treatment of most claims: the encoder's features as they are.
REAL = "real"

#: The sides of zero that a claim can be on.
DIRECTIONS = ("greater", "less")


@dataclass(frozen=True)
class Claim:
    """A statement that an experiment can support or contradict.

    Attributes:
        id: its name; the marker that selects it (`-m noise`).
        version: raised when the comparison changes, so that unequal results are never compared.
        statement: the claim in one sentence.
        source: who makes it.
        controls: what the treatment is compared with: "noise" for every noise control there is, or names of single
            ones (the same recommender with its features replaced), of twins (the same without features), of
            recommenders without content, of encoders (the same recommender on their features; of a fusion, with the
            parts that are asked for or here), "misaligned": the same model's answers to a misaligned prompt, or
            "greedy" and "long": the same encoder without sampling, or with twice as many tokens.
        treatments: what the recommender reads: REAL, or names of noise controls, where the claim is about noise.
        modalities: of the encoders that take part; empty: all.
        encoders: names of those that take part, on every answer of their kind that a dataset carries; empty:
            all that need no argument.
        generative: True where only encoders take part that read the states of a model that answers: those asked
            for, or else those whose weights are here.
        recommenders: names of those that take part; empty: all.
        trained: True where only recommenders that are trained take part.
        planted: True where it is about the suite: its cases are on planted data, whatever dataset was asked for.
        direction: "greater" where the treatment is claimed to be better.
        equivalence: True where the claim is that the arms do not differ.
        at_least: how much better, relative to the control mean; 0: at all.
        not_worse_than: where the claim is that the treatment is not worse by more than that share (non-inferiority).
        not_better_than: where it is that the treatment is not better by more than that (non-superiority).
        margin: the smallest effect of interest, relative to the control mean; set before any run.
        level: how often a case may be wrong to either side together, whatever number of looks it takes.
        metric: what is compared: any that evaluation.metrics knows of users, as `recall@20` or `smooth_recall`.
    """

    id: str
    version: int
    statement: str
    source: str
    controls: tuple[str, ...]
    treatments: tuple[str, ...] = (REAL,)
    modalities: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    generative: bool = False
    recommenders: tuple[str, ...] = ()
    trained: bool = False
    planted: bool = False
    direction: str = "greater"
    equivalence: bool = False
    at_least: float = 0.0
    not_worse_than: float | None = None
    not_better_than: float | None = None
    margin: float = 0.02
    level: float = 0.05
    metric: str = JUDGED

    @property
    def name(self) -> str:
        """The id: a claim is found by it."""
        return self.id
