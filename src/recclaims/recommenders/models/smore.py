"""SMORE (Ong and Khong, WSDM 2025) as MMRec implements it (flavour `mmrec`); views.py has what is not said here.

    Z_m      = rFFT(F_m), F_m = W_m f_m + b_m, along the embedding axis, orthonormal
    views    v, gated by irFFT(Z_v * w_v);  t, by irFFT(Z_t * w_t);  f, by irFFT(Z_v * Z_t * w_f), the w complex
    A_f      edges of A_v and A_t together, each with the larger of its weights
    S        = (g_v * softmax(Q_v(e_f)) * e_v + g_t * softmax(Q_t(e_f)) * e_t + g_f * e_f) / 3
               with g_x = dropout(sigmoid(P_x E + b_x)) and Q_x two layers with tanh between; softmax over the embedding

It fuses two modalities, by names v and t here: the visual one is the first, if there is one. Given one, or three, it is
refused: the third view would be undefined. MMRec's class fails there, too. Masks of the dropout come from the seed, the
step and the node's own place; nothing is dropped when users are scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import scipy.sparse as sp
import torch
from torch import nn

from recclaims.errors import NotAvailableError
from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.dropout import kept
from recclaims.recommenders._kernels.edges import largest
from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders.models.views import ViewRecommender, two_layers

#: The view that both modalities make.
FUSED = "fused"


class SMORE(ViewRecommender):
    """Modalities filtered, and multiplied with each other, in the spectrum of their projections."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        names = [modality for modality, _ in dataset.content]
        if len(names) not in (0, 2):
            raise NotAvailableError(
                f"it fuses two modalities and got {len(names)} ({', '.join(names)}); use "
                "--claims-encoder late_fusion-graph:VISUAL+TEXTUAL"
            )
        super().__init__(config, dataset)
        self.dropout: float = config["dropout"]
        self.seed: int = config["seed"]
        self.steps = 0
        self.queries, self.preferences = nn.ModuleDict(), nn.ModuleDict()
        self.filters = nn.ParameterDict()
        for modality in self.modalities:
            self.queries[modality] = nn.Sequential(
                nn.Linear(self.size, self.size), nn.Tanh(), nn.Linear(self.size, self.size, bias=False)
            )
        for view in self.item_graphs:
            self.preferences[view] = nn.Linear(self.size, self.size)
            # Real and imaginary parts.
            self.filters[view] = nn.Parameter(torch.randn(self.size // 2 + 1, 2))

    def k_of(self, modality: str, config: Any) -> int:
        """See ViewRecommender."""
        k: int = config["visual_knn_k" if modality.startswith("visual") else "textual_knn_k"]
        return k

    def graphs_of_views(self, graphs: Mapping[str, sp.csr_matrix]) -> dict[str, sp.csr_matrix]:
        """See ViewRecommender."""
        return {**graphs, FUSED: largest(*graphs.values())}

    def contents(self) -> dict[str, torch.Tensor]:
        """See ViewRecommender."""
        spectra = {name: torch.fft.rfft(content, norm="ortho") for name, content in super().contents().items()}
        one, other = spectra.values()
        return {name: self._filtered(name, spectrum) for name, spectrum in {**spectra, FUSED: one * other}.items()}

    def _filtered(self, view: str, spectrum: torch.Tensor) -> torch.Tensor:
        product = spectrum * torch.view_as_complex(self.filters[view])
        filtered: torch.Tensor = torch.fft.irfft(product, n=self.size, norm="ortho")
        return filtered

    def side(self, views: Mapping[str, torch.Tensor], behaviour: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
        """See ViewRecommender."""
        fused = views[FUSED]
        total = torch.zeros_like(fused)
        for number, (name, view) in enumerate(views.items()):
            preference = torch.sigmoid(self.preferences[name](behaviour))
            if self.training and self.dropout > 0:
                preference = preference * self._kept(nodes, number)
            if name != FUSED:
                preference = preference * torch.softmax(two_layers(self.queries[name], fused), dim=1)
            total = total + preference * view
        return total / len(views)

    def _kept(self, nodes: torch.Tensor, number: int) -> torch.Tensor:
        """The mask of a view in this step, scaled so that its mean is 1, float32 (n, size)."""
        key = draws.key(self.seed, draws.DROPOUT, self.steps, number)
        return kept(key, nodes, self.size, self.dropout).to(self.item_embedding) / (1 - self.dropout)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """See ViewRecommender; the next step draws other masks."""
        loss = super().calculate_loss(interaction)
        self.steps += 1
        return loss
