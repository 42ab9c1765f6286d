"""Who ranks where in a run, as results.json holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from recclaims._model.fields import Count, Entry, Few, Number, Probability, Text


class RankedEntry(Entry):
    """One of those that are ranked, and the ranks that it may have."""

    recommender: Text | None = None
    """The recommender's name; null: the mean over those that the ranking names."""
    features: Text | None = None
    """What it reads; null: nothing, or the mean over the encoders that the ranking names."""
    mean: Number | None = None
    """Of the metric, over replicates; where it is a mean of several recommenders or encoders, the geometric one."""
    low: Count
    """The best rank that it may have: 1 and how many were found better."""
    high: Count
    """The worst one: the number of entries, less how many were found worse."""
    replicates: Count
    """How many it was compared on, at the most."""

    @property
    def rank(self) -> str:
        """The interval, as `1-3`, or `2` where it is one rank."""
        return f"{self.low}" if self.low == self.high else f"{self.low}-{self.high}"


class Ranking(Entry):
    """Arms of a dataset with the ranks that each may have, all at once; the best first."""

    dataset: Text
    """The dataset's name."""
    ranked: Literal["systems", "encoders", "recommenders"]
    """What is ranked: recommenders with features each, encoders, or recommenders."""
    over: tuple[Text, ...] = ()
    """What each of them is averaged over."""
    metric: Text
    """What they are ranked by."""
    level: Probability
    """How often any of the ranks may lie outside its interval."""
    entries: Annotated[tuple[RankedEntry, ...], Few]

    @property
    def best(self) -> tuple[RankedEntry, ...]:
        """Those that nothing was found better than; empty where nothing differs, as then all of them are."""
        best = tuple(entry for entry in self.entries if entry.low == 1)
        return best if len(best) < len(self.entries) else ()
