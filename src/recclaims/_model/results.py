"""results.json as types: the contract that every report, baseline and other tool reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from recclaims._model.case_result import ClaimResult
from recclaims._model.fields import Count, Entry, Few, Flag, Interval, Number, Text
from recclaims._model.ranking import Ranking

#: What is written, and what is read.
SCHEMA, READABLE = 2, (1, 2)


class Hyperparameters(Entry):
    """Hyper-parameters that were laid over the profile's."""

    file: Text = ""
    """The file that they came from."""
    tables: dict[Text, Any] = Field(default_factory=dict)
    """What it held."""


class Environment(Entry):
    """Versions and machines."""

    python: Text | None = None
    """The version of Python."""
    platform: Text | None = None
    """Operating system and architecture."""
    cpu: Text | None
    """The processors."""
    cores: Count | None = None
    """How many cores this machine has."""
    device: Text
    """What was computed on."""
    gpu: Text | None = None
    """The GPUs."""
    commit: Text | None = None
    """The commit of the clone that ran."""
    versions: dict[Text, Text]
    """By library, its version."""


class DatasetCard(Entry):
    """What a reader needs to judge a dataset: sizes, density, content, protocol."""

    dataset: Text
    """The dataset's name."""
    users: Count
    items: Count
    interactions: Count
    density: Number
    """Interactions over users times items."""
    items_with_image: Count
    items_with_text: Count
    items_with_both: Count
    items_with_attributes: Count
    items_with_answers: Count = 0
    """Items that carry answers of a vision-language model."""
    items_with_markup: Count = 0
    """Items whose text has HTML tags or entities in it."""
    split: Text
    """How interactions are split."""
    users_of_one_time: Count = 0
    """Users all of whose interactions are of one time, where the split is by time."""
    users_not_in_train: Count = 0
    items_not_in_train: Count = 0
    relevance: Number | None
    """The least rating of a relevant item; null: every interaction counts."""
    planted: Flag
    """Whether the interactions are simulated."""
    parameters: dict[Text, Any] = Field(default_factory=dict)
    """What the dataset was made with."""
    duplicates_dropped: Count = 0
    notes: list[Text] = Field(default_factory=list)
    """What was joined from other files, and what of these did not fit."""


class Headline(Entry):
    """What a run says of a recommender with some features on a dataset, in a sentence."""

    recommender: Text
    dataset: Text
    features: Text
    sentence: Text
    """The finding."""
    effect: Number | None = None
    """The effect that the sentence speaks of."""
    ci: Interval = (None, None)
    """Its interval."""
    replicates: Count
    """How many it rests on."""
    stopped: Flag = False
    """Whether it was decided before its last look."""


class CellRow(Entry):
    """One training."""

    dataset: Text | None = None
    """The dataset's name."""
    features: Text | None = None
    """What the recommender read."""
    recommender: Text = ""
    """The recommender's name."""
    seed: Count | None = None
    """The replicate."""
    metrics: dict[Text, Number | None]
    """Means over users; null where no user has a value."""
    epochs: Count = 0
    """Trained; 0: nothing is trained."""
    best_epoch: Count | None = None
    """The one that was chosen on validation."""
    best_is_last: Flag = False
    """Whether that was the last one allowed."""
    valid_score: Number | None = None
    """The best score on validation."""
    trials: Count = 0
    """Sets of hyper-parameters that were tried."""
    tuned: dict[Text, Any] = Field(default_factory=dict)
    """The hyper-parameters that were chosen."""
    seconds: Number | None = None
    """Of training."""
    peak_mb: Number | None = None
    """Peak memory of the process that trained."""
    key: Text | None = None
    """The cell's name in the store."""


class Made(Entry):
    """What computed the vectors of some items."""

    device: Text
    batch: Count
    items: Count


class EncoderRow(Entry):
    """What is known of an encoder's features on a dataset."""

    encoder: Text
    dataset: Text
    modality: Text | None = None
    items: Count
    dimension: Count
    imputed: Count
    """Items that lack the modality and were filled in."""
    partly_imputed: Count = 0
    """Items that lack the modality of some part of a fusion, but not of all."""
    zero_rows: Count
    duplicate_rows: Count
    largest_group: Count | None = None
    """How many rows the most frequent one stands in."""
    failed: Count = 0
    """Items that could not be encoded."""
    truncated: Count = 0
    """Items whose answer or text was cut off."""
    cut_texts: Count = 0
    """Those of them whose text was."""
    leakage: Text = ""
    """Whether the features know held-out interactions, in words; empty: not checked."""
    leakage_z: Number | None = None
    """By how many standard deviations they explain more of them than chance leaves to explain."""
    modality_gap: Text = ""
    """How images and texts lie to each other, in words, where both come from one space; empty: they do not."""
    gap_distance: Number | None = None
    """Between the centroids of images and of texts, rows scaled to length 1."""
    gap_separability: Number | None = None
    """The share of held-out rows that a linear classifier calls by their modality."""
    gap_matched: Number | None = None
    """The mean share of other items' texts that an item's own is nearer to its image than."""
    seconds: Number | None = None
    """Of encoding."""
    items_per_second: Number | None
    peak_mb: Number | None = None
    gpu_peak_mb: Number | None = None
    generated_tokens: Number | None = None
    imputation: Text | None = None
    """How items without the modality were filled in."""
    separate: Flag = False
    """Whether a recommender gets the blocks as modalities of their own."""
    blocks: tuple[dict[Text, Any], ...] = ()
    """What the columns are made of."""
    made: Annotated[tuple[Made, ...], Few] = ()
    """On what, and in batches of how many, the vectors were computed."""


class KeywordRow(Entry):
    """How the answers behind keywords kept to their format, for one slot."""

    encoder: Text
    dataset: Text
    slot: Text
    answers: Count
    compliance: Number | None
    """The share of answers in the format that was asked for."""
    parsed: Number | None = None
    refusals: Count
    empty: Count = 0
    unparsable: Count = 0
    drifted: Count = 0
    """Answers that follow another prompt than the one that was asked."""
    answered: Count = 0
    declined: Count = 0
    missing: Count
    distinct: Count
    entropy: Number
    """Of the values, in bits."""
    other: Number
    """The share of values that were too rare to keep."""
    examples: tuple[Text, ...]
    image_by: Text = ""
    """What compared the answers with the items' images; empty: nothing did."""
    image_items: Count = 0
    """How many items were compared."""
    image_rank: Number | None = None
    """The mean share of other items' images that the slot's value is less like than its own; .5 is chance."""
    image_margin: Number | None = None
    """By how many standard deviations over images it is more like its own."""
    image_fit: Number | None = None
    """The rank of all slots together."""
    image_z: Number | None = None
    """By how many standard deviations that is above chance."""
    image_foreign: Number | None = None
    """The largest share of answers that can be answers to other images."""
    image_text_z: Number | None = None
    """The same as image_z of the items' own titles and descriptions."""


class ClaimStatement(Entry):
    """What a claim says and who says it, so that a report needs nothing but the document."""

    version: Count | None = None
    statement: Text = ""
    source: Text = ""
    direction: Text = "greater"
    """Where the treatment is claimed to be."""
    equivalence: Flag = False
    """Whether the claim is that the arms do not differ."""
    at_least: Number | None = None
    """By how much the treatment is claimed to be better, relative to the control; null: at all."""
    not_worse_than: Number | None = None
    """By how much it is claimed not to be worse."""
    not_better_than: Number | None = None
    """By how much it is claimed not to be better."""
    planted: Flag = False
    """Whether it is about the suite itself, on planted data."""
    file: Text = ""
    """The file that it comes from, where it is not installed."""


class ResultsDocument(Entry):
    """results.json: the verdicts of a run and all that they rest on."""

    schema_version: Annotated[Literal[1, 2], Field(alias="schema")]
    """2 is written; 1 had neither headlines nor looks."""
    created: Text | None = None
    """When, in ISO 8601."""
    profile: Text
    """The budget: smoke, quick or paper."""
    seeds: Count
    """Replicates that were asked for."""
    mask: Text
    """Which items a user is not ranked again: those of train, or of train and validation."""
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters)
    environment: Environment
    datasets: Annotated[tuple[DatasetCard, ...], Few]
    headlines: tuple[Headline, ...] | None = None
    """The finding per recommender, features and dataset."""
    rankings: Annotated[tuple[Ranking, ...], Few] = ()
    """Who ranks where; a document of an earlier version has none."""
    claims: Annotated[tuple[ClaimResult, ...], Few]
    """Every case."""
    cells: Annotated[tuple[CellRow, ...], Few] = ()
    """Every training; a baseline has none."""
    encoders: Annotated[tuple[EncoderRow, ...], Few] = ()
    keywords: Annotated[tuple[KeywordRow, ...], Few] = ()
    price_per_hour: Number | None = None
    """What an hour of the machine costs, where somebody said it."""
    statements: dict[Text, ClaimStatement] = Field(default_factory=dict)
    """By the claim's id, what it says."""
    references: dict[Text, Text] = Field(default_factory=dict)
    """By the dataset's name, what --claims-data takes."""
    recommenders: dict[Text, Text] = Field(default_factory=dict)
    """By the recommender's name, what --claims-recommender takes, of those that run only if named."""

    def said_of(self, claim: str) -> ClaimStatement:
        """What a claim says; a document that does not say it gets an empty statement."""
        return self.statements.get(claim, ClaimStatement())


def json_schema() -> dict[str, Any]:
    """The JSON Schema of results.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ResultsDocument.model_json_schema()}
