"""Item-item graphs: each item's nearest neighbours by content."""

from __future__ import annotations

import torch

from recclaims.recommenders._kernels.ties import Lot, top

#: Rows of the similarity matrix held at once.
BLOCK = 1024


def nearest(matrix: torch.Tensor, k: int, lot: Lot, block: int = BLOCK) -> tuple[torch.Tensor, torch.Tensor]:
    """Find each row's k most cosine-similar rows, itself included; never a dense n x n matrix.

    The lot decides between equal similarities, on every device alike. A zero row has similarity 0 to all.

    Args:
        matrix: float32 (n, d).
        k: neighbours per row, at most n.
        lot: of n items.
        block: rows handled at once.

    Returns:
        Indices int64 (n, k) and similarities float32 (n, k), most similar first.
    """
    unit = torch.nn.functional.normalize(matrix, dim=1, eps=1e-12)
    k = min(k, len(unit))
    indices = torch.empty((len(unit), k), dtype=torch.int64, device=matrix.device)
    values = torch.empty((len(unit), k), dtype=matrix.dtype, device=matrix.device)
    # Written anew for each block: a matrix of hundreds of megabytes would be mapped and zeroed each time.
    memory = unit.new_empty(min(block, len(unit)), len(unit))
    for start in range(0, len(unit), block):
        rows = slice(start, start + block)
        of_block = unit[rows]
        similarity = torch.mm(of_block, unit.T, out=memory[: len(of_block)])
        values[rows], indices[rows] = top(similarity, k, lot, start)
    return indices, values
