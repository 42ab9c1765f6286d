"""The claims that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims._model.claim import ALL_NOISE, Claim
from recclaims.hookspecs import hookimpl

#: A question is one recommender's on one encoder's features: `permuted` and `twin` may err in 5 % of them together.
_HALF = 0.025

NOISE = Claim(
    id="noise",
    version=2,
    statement="Real features beat noise of the same shape.",
    source="arXiv 2508.04571, RQ1: the gain comes from content, not from capacity",
    controls=(ALL_NOISE,),
    level=_HALF,
)
CONTENT = Claim(
    id="content",
    version=2,
    statement="Real features beat the recommender's own feature-free twin.",
    source="follows from arXiv 2508.04571, RQ1; read it beside `noise`: noise can harm where content does not help",
    controls=("twin",),
    level=_HALF,
)
CAPACITY = Claim(
    id="capacity",
    version=2,
    statement="With noise for features a recommender is no better than without them.",
    source="arXiv 2508.04571, RQ1: were the gain capacity, noise would bring it as well",
    treatments=("permuted",),
    controls=("twin", "bpr", "lightgcn"),
    trained=True,
    not_better_than=0.02,
)
BASELINE = Claim(
    id="baseline",
    version=2,
    statement="Recommenders on image and text beat the classical ones.",
    source="arXiv 2508.04571, section on results: multimodal recommenders against collaborative ones",
    controls=("mostpop", "itemknn", "bpr", "lightgcn"),
    modalities=("multimodal",),
    trained=True,
)
KEYWORDS = Claim(
    id="keywords",
    version=2,
    statement="Keywords decoded by a vision-language model help Attribute Item-kNN.",
    source="arXiv 2508.04571, RQ3: keywords as side content",
    encoders=("keywords",),
    recommenders=("attribute-knn",),
    controls=("twin", "permuted", "attributes"),
)
PROMPT = Claim(
    id="prompt",
    version=2,
    statement="Descriptions asked for by an aligned prompt beat those of a misaligned one.",
    source="follow-up of arXiv 2508.04571: the use of an object for something absurd as the control",
    encoders=("answers",),
    controls=("misaligned",),
)
CONTROLS = Claim(
    id="controls",
    version=2,
    statement="The suite finds content that was planted, and finds none where none was.",
    source="recclaims, of itself: a negative result counts only where a positive one was possible",
    controls=("permuted",),
    planted=True,
)
FUSION = Claim(
    id="fusion",
    version=2,
    statement="One embedding that a vision-language model reads at the end of its answer beats late fusion.",
    source="arXiv 2508.04571: one LVLM embedding against ResNet50 and Sentence-BERT; here, whatever fuses them",
    generative=True,
    controls=(
        "late_fusion",
        "late_fusion-concat",
        "late_fusion-pca",
        "late_fusion-mean",
        "late_fusion-sum",
        "late_fusion-graph",
    ),
)
STABILITY = Claim(
    id="stability",
    version=2,
    statement="Temperature and token limit leave a vision-language model's embeddings and their results unchanged.",
    source="arXiv 2508.04571 reads one embedding an item: that is sound where these settings do not matter",
    generative=True,
    controls=("greedy", "long"),
    equivalence=True,
)


@hookimpl
def recclaims_claims() -> list[Claim]:
    """See hookspecs."""
    return [NOISE, CONTENT, CAPACITY, BASELINE, KEYWORDS, PROMPT, FUSION, STABILITY, CONTROLS]
