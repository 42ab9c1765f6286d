"""The whole extension contract on one screen. Entry-point group and pluggy project name: `recclaims`.

Each hook returns a list of *named factories*: anything with a `name` that can be called to create the object, such as
a class with a `name` attribute. A ready-made object works as well. Import heavy libraries inside methods, not at the
top of the module, because pytest calls the hooks during collection.
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

    Everything else is optional: `spec = recclaims.EncoderSpec(...)` and a few methods (docs/write-an-encoder.md).
    For example::

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
    """Dataset sources: a `name`, its `modalities` (known without loading), and `load() -> recclaims.Dataset`.

    Optional: `spec = recclaims.SourceSpec(argument="CATEGORY", parameters={"users": recclaims.Parameter(943, "how
    many")})`, which allows `NAME:CATEGORY` and `NAME?users=5000`; and, if raw files come first, a method
    `prepare(request: recclaims.PrepareRequest) -> recclaims.Prepared`. The folder it writes opens as
    `recclaims.FolderDataset(path).load()`.
    """


@hookspec
def recclaims_controls() -> Sequence[Any]:  # type: ignore[empty-body]
    """Noise controls, which replace real features by noise; each joins every claim that compares with noise.

    For example::

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
    """Reporters: `name`, `filename` and `render(results: dict) -> str`, written next to results.json.

    `results` is the content of results.json. A reporter with `typed = True` gets the typed document
    (`recclaims.Results.document`) instead.
    """
