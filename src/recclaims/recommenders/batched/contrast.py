"""Contrastive losses of several cells."""

from __future__ import annotations

import torch

from recclaims.recommenders._kernels.losses import info_nce_terms
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import occurrences, rows


def info_nce(view: torch.Tensor, other: torch.Tensor, ids: torch.Tensor, batch: Batch, t: float) -> torch.Tensor:
    """losses.info_nce of a batch of each cell, (cells,), at temperature t.

    Args:
        view, other: of all users or all items, (cells, n, d) each.
        ids: of the batch, int64 (cells, b).
        batch: which of them are pairs.
    """
    views, counts = _occurring(torch.cat([view, other], dim=2), ids, batch)
    one, partners = views.chunk(2, dim=2)
    return (counts * info_nce_terms(one, partners, partners, counts, t)).sum(dim=1) / batch.counts


def info_nce_over_all(
    view: torch.Tensor, other: torch.Tensor, ids: torch.Tensor, batch: Batch, t: float
) -> torch.Tensor:
    """The sum over a batch of each cell, (cells,), of terms whose candidates are all rows but the padding's.

    The arguments are those of info_nce.
    """
    views, counts = _occurring(torch.cat([view, other], dim=2), ids, batch)
    one, partners = views.chunk(2, dim=2)
    return (counts * info_nce_terms(one, partners, other[:, 1:], None, t)).sum(dim=1)


def similarities(n: int, batch_size: int, over_all: bool) -> int:
    """How many similarities of a cell one of these losses holds, of n users or items."""
    occurring = min(n, batch_size)
    return occurring * (n if over_all else occurring)


def _occurring(table: torch.Tensor, ids: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """What a batch reads of a table, (cells, m, d), and how often each row counts, (cells, m).

    Which rows occur is not known without waiting for the device. So it is all of them, or those of each place of the
    batch, whichever is shorter.
    """
    n = table.shape[1]
    if n <= ids.shape[1]:
        return table, occurrences(ids, batch.present, n)
    return rows(table, ids), batch.present
