"""What an arm of a claim reads, said in so many words: `{ encoder = "features:our.npz" }`, `{ twin = "twin" }`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from recclaims._model.strict import STRICT

#: The fusion of an arm that names encoders and no fusion.
FUSION = "late_fusion"
#: The encoder of an arm that names answers and no encoder.
ANSWERS = "answers"

Modality = Literal["visual", "textual", "multimodal"]
#: What an encoder can read.
MODALITIES: tuple[str, ...] = get_args(Modality)

#: What can stand in for the features of items that lack them; "dropped": nothing, and nobody is shown these items.
Imputation = Literal["mean", "zero", "random", "neighbours", "propagated", "dropped"]
FILLINGS: tuple[str, ...] = get_args(Imputation)
DROPPED = "dropped"


@dataclass(frozen=True)
class Reads:
    """What one arm reads. Encoder, recommender and dataset are the treatment's where a control does not say."""

    encoder: str = ""
    """An encoder, with its argument: `sbert:all-mpnet-base-v2`, `features:our.npz`."""
    encoders: tuple[str, ...] = ()
    """Several encoders, fused."""
    fusion: str = ""
    """What fuses them: `late_fusion` unless said; without `encoders`, the parts of that fusion by default."""
    answers: str = ""
    """Which of the dataset's answers the encoder reads (`answers` unless another encoder is named)."""
    modality: Modality | None = None
    """In place of an encoder: every encoder of this modality that takes part; of a control, that the treatment's is a
    part of, or that is a part of the treatment's, so that the arms differ in what is fused with it alone."""
    noise: str = ""
    """The noise control that replaces the features."""
    imputation: Imputation | None = None
    """What stands in for the features of items that lack them; None: what the encoder says."""
    twin: str = ""
    """The recommender without features: `twin`, or `twin-identity`."""
    recommender: str = ""
    """Another recommender than the claim's."""
    dataset: str = ""
    """Parameters of the dataset, as behind the question mark of --claims-data: `dose=0`."""

    #: How pydantic reads it, see claim.claim_type.
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @property
    def reference(self) -> str:
        """The encoder that it names, as --claims-encoder takes it; empty where it names none."""
        if self.encoders:
            return f"{self.fusion or FUSION}:{'+'.join(self.encoders)}"
        if self.answers:
            return f"{self.encoder or ANSWERS}:{self.answers}"
        return self.fusion or self.encoder

    @property
    def faults(self) -> Iterator[str]:
        """What does not go together."""
        if self == Reads():
            yield 'says nothing; write { encoder = "sbert" }, { noise = "permuted" } or { twin = "twin" }'
        if self.encoder and (self.encoders or self.fusion):
            yield "has both encoder and encoders or fusion; to fuse, list every part in encoders"
        if self.answers and (self.encoders or self.fusion or ":" in self.encoder):
            yield "has answers beside an encoder that cannot read them"
        if self.modality and self.reference:
            yield f"has both a modality and the encoder '{self.reference}'"
        if self.noise and self.imputation == DROPPED:
            yield "has both imputation = 'dropped' and noise, which would deal the rows of items that are left out"
        if self.twin:
            read = [one.name for one in fields(self) if one.name not in {"twin", "recommender", "dataset"}]
            yield from (f"has both twin and {name}: a twin reads no features" for name in read if getattr(self, name))
