"""What a run says of one case, as results.json holds it."""

from __future__ import annotations

from typing import Any

from recclaims._model.fields import Count, Entry, Flag, Interval, Number, Probability, Text
from recclaims._model.verdict import Verdict


class Look(Entry):
    """One look at the data of a case: what was known after so many replicates."""

    replicates: Count
    """How many there were."""
    level: Probability | None = None
    """The two-sided level that this look was allowed."""
    equivalence_level: Probability | None = None
    """The level of each of its two one-sided tests against the margin."""
    effect: Number | None = None
    """The effect so far, relative to the control."""
    ci: Interval = (None, None)
    """Its interval at the look's level."""
    p: Probability | None = None
    """Its p-value."""
    decided: Flag
    """Whether the case was decided here."""


class Beside(Entry):
    """A comparison in another metric than the one that is judged."""

    metric: Text
    treatment_mean: Number | None = None
    control_mean: Number | None = None
    relative_effect: Number | None = None
    relative_ci: Interval = (None, None)


class Chance(Entry):
    """How likely it is that an undecided case would be decided by more replicates."""

    replicates: Count
    """How many, those there are included."""
    minutes: Number | None = None
    """How long they would take here."""
    probability: Probability | None = None
    """How likely they are to decide."""


class ClaimResult(Entry):
    """A case's verdict and the figures behind it; effects and limits are in units of the metric."""

    claim: Text
    """The claim's id."""
    version: Count
    """Which version of the claim was judged."""
    case: Text
    """The case's name, as in `freedom-late_fusion-permuted-ml-100k`."""
    dataset: Text
    """The dataset's name."""
    recommender: Text
    """The recommender's name."""
    flavour: Text | None = None
    """Where equations differ by family, whose; null: they are the same in all."""
    treatment: Text
    """What the treatment reads."""
    treatment_noise: Text | None = None
    """The noise that the treatment reads in place of features."""
    control: Text
    """What the treatment is compared with."""
    control_noise: Text | None = None
    """The noise that the control reads in place of features."""
    expects: Text | None = None
    """What a control of the suite has to find."""
    asked: tuple[Text, ...] = ()
    """The encoders that have to be asked for by name to get this case."""
    metric: Text
    """What is compared."""
    estimand: Text | None = None
    """What the effect is an estimate of, where it is not the difference of the metric."""
    margin: Number
    """The smallest effect of interest, relative to the control's mean."""
    threshold: Number | None = None
    """By how much the treatment is claimed to be better, or not to be worse or better, relative to the control."""
    level: Probability | None = None
    """How often the case may be wrong to either side together, over all looks."""
    confirmatory: Flag = True
    """Whether it decides something; other noise than `permuted` only describes."""
    verdict: Verdict
    """What the run says of the case."""
    reason: Text
    """Why, in a phrase."""
    n_seeds: Count = 0
    """Replicates."""
    n_fixed: Count = 0
    """Users who are left out in one replicate or more, as nothing could change their value."""
    population: Text = ""
    """Of which items and users the claim speaks; empty: of all."""
    n_tested: Count = 0
    """Users with a relevant test item, of whatever population."""
    seconds: Number | None = None
    """Of training both arms."""
    treatment_mean: Number | None = None
    """The treatment's mean of the metric; null: the case was not run."""
    control_mean: Number | None = None
    """The control's mean of the metric; null: the case was not run."""
    effect: Number | None = None
    """The relative effect times the control's mean; of schema 1: treatment minus control."""
    relative_effect: Number | None = None
    """How much larger the treatment is, as a share of the control: exp(mean log ratio) - 1 over replicates."""
    ci: Interval = (None, None)
    """The limits of the effect's 95 % interval."""
    p_value: Probability | None = None
    """Of the effect against zero."""
    p_adjusted: Probability | None = None
    """The same after Holm, in results of schema 1."""
    n_users: Count = 0
    """Users who were compared."""
    interval: Text | None = None
    """The method of the interval."""
    looks: tuple[Look, ...] | None = None
    """What was known at each look at the data."""
    planned: tuple[Count, ...] = ()
    """After how many replicates the case is looked at."""
    beside: Beside | None = None
    """The same comparison in the metric that is reported beside the one that is judged."""
    chance: Chance | None = None
    """How likely more replicates are to decide an undecided case."""

    @property
    def p(self) -> float | None:
        """What the verdict rests on: of schema 1 after Holm."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted

    @property
    def identity(self) -> tuple[str, str]:
        """What makes a case the same case in two results."""
        return self.claim, self.case

    def row(self, whole: bool = False) -> dict[str, Any]:
        """One flat row of a table, the interval as two columns: what was given, or (whole) a value for every field."""
        flat = self.model_dump(
            mode="json", exclude_unset=not whole, exclude={"ci", "looks", "planned", "chance", "beside"}
        )
        low, high = self.ci
        return flat | {"ci_low": low, "ci_high": high}
