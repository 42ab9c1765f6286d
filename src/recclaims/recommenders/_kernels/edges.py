"""Weighted item-item graphs as edges, never as a dense items x items matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch.nn import functional

from recclaims.recommenders._kernels.gathers import rows
from recclaims.recommenders._kernels.graphs import nearest
from recclaims.recommenders._kernels.ties import Lot


@dataclass(frozen=True)
class Edges:
    """A weighted item-item graph: int64 sources and targets (e,), float32 weights (e,) that may carry a gradient."""

    sources: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor

    def laplacian(self, n_items: int) -> Edges:
        """D^-1/2 A D^-1/2 with D the row sums; an item whose row sums to zero or less has no neighbours.

        MMRec does so at zero, where it sets an infinite D^-1/2 to 0. Below, where an item is more unlike its nearest
        than it is like itself, its root is NaN, and with it every score.
        """
        degrees = self.weights.new_zeros(n_items).index_add(0, self.sources, self.weights)
        scale = torch.where(degrees > 0, degrees, 1.0).rsqrt() * (degrees > 0)
        return Edges(self.sources, self.targets, scale[self.sources] * self.weights * scale[self.targets])

    def scaled(self, factor: torch.Tensor | float) -> Edges:
        """The same edges, their weights multiplied."""
        return Edges(self.sources, self.targets, factor * self.weights)

    def with_unit_diagonal(self, n_items: int) -> Edges:
        """Every item but the padding linked to itself with weight 1, whatever it was."""
        own = torch.arange(1, n_items, device=self.sources.device)
        other = self.sources != self.targets
        return Edges(
            torch.cat([self.sources[other], own]),
            torch.cat([self.targets[other], own]),
            torch.cat([self.weights[other], self.weights.new_ones(len(own))]),
        )

    def matrix(self, n_items: int) -> sp.csr_matrix:
        """As a matrix, parallel edges added, without a gradient."""
        places = self.sources.cpu().numpy(), self.targets.cpu().numpy()
        return sp.csr_matrix((self.weights.detach().cpu().numpy(), places), shape=(n_items, n_items))

    def __matmul__(self, embeddings: torch.Tensor) -> torch.Tensor:
        """The product, with a gradient for weights and embeddings."""
        messages = self.weights.unsqueeze(1) * rows(embeddings, self.targets)
        return torch.zeros_like(embeddings).index_add(0, self.sources, messages)

    @staticmethod
    def together(*graphs: Edges) -> Edges:
        """The sum of graphs."""
        sources, targets, weights = zip(*((g.sources, g.targets, g.weights) for g in graphs), strict=True)
        return Edges(torch.cat(sources), torch.cat(targets), torch.cat(weights))


def most_similar(features: torch.Tensor, k: int, lot: Lot) -> Edges:
    """Link every item to its k nearest by cosine, itself included; the weights are the cosines, with their gradient.

    Args:
        features: float32 (n_items + 1, d), row 0 for the padding item, which is nobody's neighbour and has none.
        k: neighbours of an item.
        lot: decides between equal cosines.
    """
    matrix = features[1:]
    neighbours = nearest(matrix.detach(), k, lot)[0]
    sources = torch.arange(len(matrix), device=matrix.device).repeat_interleave(neighbours.shape[1])
    targets = neighbours.reshape(-1)
    unit = functional.normalize(matrix, dim=1)
    weights = (rows(unit, sources) * rows(unit, targets)).sum(dim=1)
    return Edges(sources + 1, targets + 1, weights)


def of_content(features: torch.Tensor, k: int, lot: Lot) -> Edges:
    """D^-1/2 A D^-1/2 of the graph A of `most_similar`, with the same arguments.

    Raises:
        ValueError: all features are zero.
    """
    if not bool(features.any()):
        raise ValueError("the features are all zero: no item is more similar to one than to another")
    return most_similar(features, k, lot).laplacian(len(features))


def largest(one: sp.csr_matrix, other: sp.csr_matrix) -> sp.csr_matrix:
    """All edges of two graphs of one shape, each with the larger of its weights; a missing edge has none."""
    parts = [graph.tocoo() for graph in (one, other)]
    places = np.concatenate([part.row.astype(np.int64) * one.shape[1] + part.col for part in parts])
    order = np.argsort(places, kind="stable")
    places, starts = np.unique(places[order], return_index=True)
    weights = np.maximum.reduceat(np.concatenate([part.data for part in parts])[order], starts)
    return sp.csr_matrix((weights, divmod(places, one.shape[1])), shape=one.shape)
