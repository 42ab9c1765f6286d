"""EASE with and without features; the model itself is imported when a cell is trained."""

import recclaims

EASE = recclaims.Recommender(
    "ease",
    version="1",
    model="recclaims_ease.model:EASE",
    training_free=True,  # no epochs: one linear system
    parameters={"reg_weight": 300.0, "feature_weight": 30.0},
)


@recclaims.hookimpl
def recclaims_recommenders():
    """Joins the claims `noise` and `content` with every encoder; its feature-free twin is EASE."""
    return [EASE]
