"""The whole extension contract on one screen. Entry-point group and pluggy project name: `recclaims`.

Each hook returns a list of *named factories*: anything with a `name` that is called to make the object.
A class with a `name` attribute is one; a ready object will do as well. Import heavy libraries inside the
methods, not at the top of the module: the hooks are called while pytest collects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

hookspec = pluggy.HookspecMarker("recclaims")
hookimpl = pluggy.HookimplMarker("recclaims")


@hookspec
def recclaims_encoders() -> Sequence[Any]:  # type: ignore[empty-body]
    """Encoders: `name`, `modality`, `version` and `encode(items) -> float32 array (n, d)`.

    All else is optional: `spec = recclaims.EncoderSpec(...)`, and some methods (docs/write-an-encoder.md).

    class TitleLength:
        name, modality, version = "title-length", "textual", "1"
        def encode(self, items):
            return np.array([[len(item.title)] for item in items], dtype=np.float32)

    @recclaims.hookimpl
    def recclaims_encoders():
        return [TitleLength]
    """


@hookspec
def recclaims_recommenders() -> Sequence[Any]:  # type: ignore[empty-body]
    """Recommenders: `return [recclaims.Recommender("mine", version="1", model="my_package.model:Mine")]`."""


@hookspec
def recclaims_datasets() -> Sequence[Any]:  # type: ignore[empty-body]
    """Dataset sources: a `name`, cheap `modalities`, and `load() -> recclaims.Dataset`.

    `spec = recclaims.SourceSpec(argument="CATEGORY", parameters={"users": recclaims.Parameter(943, "how many")})`,
    where it is named as `NAME:CATEGORY`, or `NAME?users=5000` can set some. Where raw files come
    first, a method `prepare(request: recclaims.PrepareRequest) -> recclaims.Prepared`; the folder that it wrote opens
    as `recclaims.FolderDataset(path).load()`.
    """


@hookspec
def recclaims_controls() -> Sequence[Any]:  # type: ignore[empty-body]
    """Noise controls, what takes the place of real features; each joins every claim that compares with noise.

    def shuffled(matrix, seed):
        return np.random.default_rng(seed).permuted(matrix, axis=0)

    @recclaims.hookimpl
    def recclaims_controls():
        return [recclaims.NoiseControl("shuffled", "1", shuffled, preserves="each column's values")]
    """


@hookspec
def recclaims_claims() -> Sequence[Any]:  # type: ignore[empty-body]
    """Claims: `return [recclaims.Claim(id="mine", version=1, statement="...", ...)]`."""


@hookspec
def recclaims_reporters() -> Sequence[Any]:  # type: ignore[empty-body]
    """Reporters: `name`, `filename` and `render(results: dict) -> str`, written beside results.json.

    `results` is what results.json holds. A reporter with `typed = True` gets the document as the types of
    `recclaims.Results.document` instead.
    """
