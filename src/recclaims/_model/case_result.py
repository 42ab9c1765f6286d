"""What a run says of one case, as results.json holds it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CaseVerdict(BaseModel):
    """A case's verdict and the figures behind it; effects and limits are in units of the metric.

    Attributes:
        claim, version: the claim's id, and which version of it was judged.
        case: the case's name, as in `freedom-late_fusion-permuted-ml-100k`.
        dataset, recommender, flavour: what was run; None: the recommender's equations are the same in all families.
        treatment, control: what the two arms read.
        metric, margin: what is compared, and the smallest effect of interest, relative to the control's mean.
        verdict: supported, contradicted, no_difference, inconclusive, inadmissible or not_run.
        reason: why, in a phrase.
        treatment_mean, control_mean: means of the metric; None: the case was not run.
        effect, relative_effect: treatment minus control, and that over the control's mean.
        ci: the limits of its 95 % interval.
        p_value, p_adjusted: of the effect against zero, before and after Holm.
        n_users, n_seeds: users that were compared, and replicates.
        seconds: of training both arms.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    claim: str
    version: int
    case: str
    dataset: str
    recommender: str
    treatment: str
    control: str
    metric: str
    margin: float
    verdict: str
    reason: str
    flavour: str | None = None
    treatment_mean: float | None = None
    control_mean: float | None = None
    effect: float | None = None
    relative_effect: float | None = None
    ci: tuple[float | None, float | None] = (None, None)
    p_value: float | None = None
    p_adjusted: float | None = None
    n_users: int = Field(default=0, ge=0)
    n_seeds: int = Field(default=0, ge=0)
    seconds: float | None = None
