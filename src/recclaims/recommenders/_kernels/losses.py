"""Pairwise losses and regularisers of both families, on batches of embeddings."""

from __future__ import annotations

import torch
from torch.nn import functional

from recclaims.recommenders._kernels.gathers import BatchIndex


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
    """The matrices' Frobenius norms, not squared, added up: MMRec's EmbLoss, before its division."""
    return torch.stack([e.norm(p=2) for e in embeddings]).sum()


def half_squares(*embeddings: torch.Tensor) -> torch.Tensor:
    """Half the sum of all squared entries; the caller divides by its family's batch size."""
    return 0.5 * torch.stack([e.square().sum() for e in embeddings]).sum()


#: No row counts as shorter, as in functional.cosine_similarity.
_SHORTEST = 1e-8


def cosine_distance(predicted: torch.Tensor, occurrences: BatchIndex, targets: torch.Tensor) -> torch.Tensor:
    """1 - mean over a batch of cos(a, t), where a is predicted for an id and t is a target without a gradient.

    The sum over the batch of <a / |a|, t / |t|> is the sum over the ids of <a / |a|, sum of the id's t / |t|>: nothing
    that has a gradient is as long as the batch, in which popular ids occur many times.

    Args:
        predicted: of each id that occurs, (n, d).
        occurrences: where.
        targets: of each place of the batch, (b, d).
    """
    with torch.no_grad():
        lengths = torch.linalg.vector_norm(targets, dim=1).clamp_min_(_SHORTEST)
        sums = occurrences.sums(targets, lengths.reciprocal_())
    return 1 - (functional.normalize(predicted, dim=1, eps=_SHORTEST) * sums).sum() / len(targets)
