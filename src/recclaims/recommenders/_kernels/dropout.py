"""Dropout of whole tables, as MMRec applies it: a step leaves the same numbers of a node out wherever the node occurs.

Which ones depends on the step and the node alone, so that a cell draws the same for a few nodes as for all, alone or
beside others, on a CPU or on a GPU. 16 bits decide of each number; four of them are one draw.
"""

from __future__ import annotations

import numpy as np
import torch

from recclaims.recommenders._kernels import draws

_BITS = 16


def kept(key: int, nodes: torch.Tensor, size: int, rate: float) -> torch.Tensor:
    """Which numbers of some nodes are not left out, bool (n, size).

    Args:
        key: of the step and of what is dropped out of, from draws.key.
        nodes: their ids, int64 (n,).
        size: numbers of each node.
        rate: how many of all are left out, between 0 and 1.
    """
    bits = draws.bits(key, _places(nodes.cpu(), size).numpy()).view(np.uint16)[:, :size]
    return torch.from_numpy(bits >= round(rate * 2**_BITS)).to(nodes.device)


def kept_by_cell(keys: torch.Tensor, nodes: torch.Tensor, size: int, rate: float) -> torch.Tensor:
    """The same of several cells, bool (cells, n, size).

    Args:
        keys: of each cell, int64 (cells,).
        nodes: of each cell, int64 (cells, n).
        size, rate: as of `kept`.
    """
    bits = draws.bits(keys[:, None, None], _places(nodes, size)).view(torch.int16)[:, :, :size]
    found: torch.Tensor = (bits.to(torch.int32) & (2**_BITS - 1)) >= round(rate * 2**_BITS)
    return found


def _places(nodes: torch.Tensor, size: int) -> torch.Tensor:
    """The numbers of the draws that decide of each node, int64 (..., draws of a node)."""
    of_a_node = -(-size * _BITS // 64)
    return nodes.unsqueeze(-1) * of_a_node + torch.arange(of_a_node, device=nodes.device)
