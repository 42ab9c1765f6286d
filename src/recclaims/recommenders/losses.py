"""Pairwise losses and regularisers of both families, on batches of embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional


def bpr(difference: torch.Tensor) -> torch.Tensor:
    """Bayesian personalised ranking, -mean log sigma(s+ - s-), of differences (b,) (Rendle et al., UAI 2009)."""
    return -functional.logsigmoid(difference).mean()


def bpr_gamma(difference: torch.Tensor) -> torch.Tensor:
    """The same as RecBole and MMRec write it: -mean log(1e-10 + sigma(s+ - s-))."""
    return -torch.log(1e-10 + torch.sigmoid(difference)).mean()


def bpr_softplus(difference: torch.Tensor) -> torch.Tensor:
    """The same as Elliot's external models write it: mean softplus(-(s+ - s-)), the difference at least -80."""
    return functional.softplus(-difference.clamp(min=-80.0)).mean()


def unsquared_norms(*embeddings: torch.Tensor) -> torch.Tensor:
    """MMRec's EmbLoss: the sum of the matrices' Frobenius norms, not squared, over the last one's rows."""
    return torch.stack([e.norm(p=2) for e in embeddings]).sum() / embeddings[-1].shape[0]


def half_squares(*embeddings: torch.Tensor) -> torch.Tensor:
    """Half the sum of all squared entries; the caller divides by its family's batch size."""
    return 0.5 * torch.stack([e.square().sum() for e in embeddings]).sum()


#: As in functional.cosine_similarity.
_SHORTEST = 1e-8


class _CosineDistance(torch.autograd.Function):
    """Without the passes over (b, d) that functional.cosine_similarity needs to be differentiable on both sides."""

    @staticmethod
    def forward(context: Any, embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        lengths, others = (torch.linalg.vector_norm(side, dim=1) for side in (embeddings, targets))
        inverse = 1 / (lengths.clamp_min(_SHORTEST) * others.clamp_min(_SHORTEST))
        cosines = (embeddings * targets).sum(dim=1) * inverse
        # A row that counts as longer than it is has nothing to gain from its own length.
        along = torch.where(lengths > _SHORTEST, cosines / lengths.square(), 0.0)
        context.save_for_backward(embeddings, targets, inverse, along)
        distance: torch.Tensor = 1 - cosines.mean()
        return distance

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        embeddings, targets, inverse, along = context.saved_tensors
        share = gradient / len(embeddings)
        # d cos(a, b)/da = b / (|a| |b|) - cos(a, b) a / |a|^2
        result = embeddings * (along * share).unsqueeze(1)
        return result.addcmul_(targets, (inverse * share).unsqueeze(1), value=-1), None


def cosine_distance(embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """1 - mean over the batch of cos(a, b) of rows (b, d); targets get no gradient. Rows are at least 1e-8 long."""
    distance: torch.Tensor = _CosineDistance.apply(embeddings, targets)
    return distance
