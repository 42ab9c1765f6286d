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


def unit_rows(rows: torch.Tensor) -> torch.Tensor:
    """Rows (..., d) scaled to length 1, as cosines compare them; one of zeros stays one."""
    return functional.normalize(rows, dim=-1, eps=_SHORTEST)


def cosine_distance(predicted: torch.Tensor, sums: torch.Tensor, occurrences: BatchIndex) -> torch.Tensor:
    """1 - mean over a batch of cos(a, t), where a is predicted for an id and t is a target without a gradient.

    The sum over the batch of <a / |a|, t / |t|> is the sum over the ids of <a / |a|, sum of the id's t / |t|>: nothing
    that has a gradient is as long as the batch, in which popular ids occur many times.

    Args:
        predicted: of each id that occurs, (n, d).
        sums: of each of them, the sum of its targets' unit_rows over the batch, (n, d).
        occurrences: where each occurs.
    """
    return 1 - (unit_rows(predicted) * sums).sum() / len(occurrences.places)


def info_nce(view: torch.Tensor, other: torch.Tensor, counts: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE of a batch: mean of -log(exp(c_ii / t) / sum_j exp(c_ij / t)), c_ij = cos(view_i, other_j).

    In a batch popular ids occur many times; here each is a row once. What is as wide as it is long is then as long as
    the ids, not as the batch: of 943 users in batches of 8,192 pairs a seventy-fifth.

    Args:
        view, other: of each id that occurs, (n, d) each.
        counts: how often it does, float (n,).
        temperature: t.
    """
    return (counts * info_nce_terms(view, other, other, counts, temperature)).sum() / counts.sum()


def info_nce_terms(
    view: torch.Tensor, partners: torch.Tensor, others: torch.Tensor, counts: torch.Tensor | None, temperature: float
) -> torch.Tensor:
    """-log(exp(cos(view_i, partner_i) / t) / sum_j exp(cos(view_i, other_j) / t)) of each row i of a view, (..., n).

    Args:
        view, partners: (..., n, d) each; what comes before is other batches, which know nothing of each other.
        others: over which j runs, (..., m, d); the partners are among them.
        counts: how often each of the others counts, float (..., m); None: once.
        temperature: t; at .2 no exponential is larger than e^5.
    """
    view, partners, others = (functional.normalize(one, dim=-1) for one in (view, partners, others))
    similar = torch.exp(view @ others.mT / temperature)
    total = similar.sum(dim=-1) if counts is None else (similar @ counts.unsqueeze(-1)).squeeze(-1)
    return torch.log(total) - (view * partners).sum(dim=-1) / temperature
