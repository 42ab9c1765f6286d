"""Pairwise losses and regularisers of both families, on batches of embeddings."""

from __future__ import annotations

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
