"""LGMRec (Guo et al., AAAI 2024) as MMRec implements it (flavour `mmrec`).

    E     = mean of [P; V] and n propagations over the symmetric user-item graph G: LightGCN
    L_m   = G^k [D^-1 R X_m ; X_m],  X_m = f_m W_m: what a user's items say on average, diffused; no ids
    H_m   = softmax((f_m B_m + z) / .2) of items, softmax((R f_m B_m + z') / .2) of users, over hyperedges
    T_m   = H_m' E_items, then  items H_m T_m,  users H'_m T_m;  again over those items for each further layer
    N     = E + sum_m L_m / ||L_m|| + alpha * (sum_m T_m) / ||sum_m T_m||          s_ui = <N_u, N_i>
    loss  = -mean log sigma(s_ui - s_uj) + reg * (||N_u|| + ||N_i|| + ||N_j||) / B
            + cl * sum over the batch of (InfoNCE(T_v, T_t) of u over all users + of i over all items), temperature .2

z is Gumbel noise, and of both H a share of 1 - `keep_rate` is dropped, in training alone. MMRec's class draws z when it
scores, too: its ranks are a lottery, other ones each time; and it computes all embeddings anew for each batch of
users. Here scores have z = 0 and are computed once. Noise and dropout come from the seed, the step and the node.

The features are not trained. One modality has no partner, so no InfoNCE; MMRec's class leaves content out then, and
fails at names that it never set. Of three, each pair is aligned. The feature-free twin is LightGCN with this loss:
hyperedges, too, are made of features.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn
from torch.nn import functional

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.gathers import BatchIndex, rows
from recclaims.recommenders._kernels.losses import bpr, info_nce_terms
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._kernels.propagation import bipartite, mean_of_layers
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders.models.graph_recommender import GraphRecommender

TEMPERATURE = 0.2
#: What is drawn of a modality in one step; no two share a stream.
NOISE, MASK = range(2)


class LGMRec(GraphRecommender):
    """LightGCN plus diffused features plus embeddings over hyperedges that features make."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.n_layers: int = config["n_ui_layers"]
        self.n_content_layers: int = config["n_content_layers"]
        self.n_hyper_layers: int = config["n_hyper_layers"]
        self.n_hyperedges: int = config["n_hyperedges"]
        self.keep_rate: float = config["keep_rate"]
        self.alpha: float = config["alpha"]
        self.cl_weight: float = config["cl_weight"]
        self.reg_weight: float = config["reg_weight"]
        self.seed: int = config["seed"]
        self.steps = 0
        graph = bipartite(self.users, self.items, self.n_users, self.n_items, 1e-7)
        self.graph = self.propagator(graph, symmetric=True)
        if self.modalities:
            ones = np.ones(len(self.users), np.float32)
            had = sp.csr_matrix((ones, (self.users, self.items)), shape=(self.n_users, self.n_items))
            self.to_users = self.propagator(had)
            degrees = torch.from_numpy(np.bincount(self.users, minlength=self.n_users)).float() + 1e-7
            self.register_buffer("per_item", degrees.reciprocal().unsqueeze(1), persistent=False)
        self.hyperedges = nn.ModuleDict()
        for modality in self.modalities:
            width = self.features(modality).shape[1]
            self.projections[modality] = nn.Linear(width, size, bias=False)
            self.hyperedges[modality] = nn.Linear(width, self.n_hyperedges, bias=False)
            for layer in (self.projections[modality], self.hyperedges[modality]):
                nn.init.xavier_uniform_(layer.get_parameter("weight"))

    def _contents(self) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], list[tuple[torch.Tensor, torch.Tensor]]]:
        """By modality, L_m and the logits of H_m, each of users and items."""
        widths = [self.item_embedding.shape[1], self.n_hyperedges]
        weights = [
            torch.cat([self.weight(m), self.hyperedges.get_submodule(m).get_parameter("weight")])
            for m in self.modalities
        ]
        of_items = torch.cat(
            [
                self.project(self.current_features(m), weight)
                for m, weight in zip(self.modalities, weights, strict=True)
            ],
            dim=1,
        )
        of_users = self.to_users @ of_items
        # X_m and H_m of each modality in turn.
        users, items = (torch.split(part, widths * len(self.modalities), dim=1) for part in (of_users, of_items))
        diffused = torch.cat([torch.cat(users[::2], dim=1) * self.per_item, torch.cat(items[::2], dim=1)])
        for _ in range(self.n_content_layers):
            diffused = self.graph @ diffused
        of_nodes = torch.split(diffused, [self.n_users, self.n_items])
        each = (torch.split(part, widths[0], dim=1) for part in of_nodes)
        return list(zip(*each, strict=True)), list(zip(users[1::2], items[1::2], strict=True))

    def _hyperedges(self, logits: tuple[torch.Tensor, torch.Tensor], number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """H_m of users and items, (n, hyperedges) each, of the modality of a number."""
        nodes = torch.cat(logits)
        if not self.training:
            nodes = torch.softmax(nodes / TEMPERATURE, dim=1)
        else:
            noise = -torch.log(-torch.log(self._drawn(nodes, number, NOISE)))
            nodes = torch.softmax((nodes + noise.float()) / TEMPERATURE, dim=1)
            if self.keep_rate < 1:
                nodes = nodes * ((self._drawn(nodes, number, MASK) < self.keep_rate).float() / self.keep_rate)
        users, items = torch.split(nodes, [self.n_users, self.n_items])
        return users, items

    def _drawn(self, like: torch.Tensor, number: int, purpose: int) -> torch.Tensor:
        key = draws.key(self.seed, draws.HYPEREDGES, self.steps, number, purpose)
        drawn = draws.unit(draws.bits(key, np.arange(like.numel()))).reshape(like.shape)
        return torch.from_numpy(drawn).to(like.device)

    def _over_hyperedges(
        self, logits: tuple[torch.Tensor, torch.Tensor], items: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """T_m of users and items, (n, size) each, from E of the items."""
        of_users, of_items = self._hyperedges(logits, number)
        meet = torch.empty(0)
        for _ in range(self.n_hyper_layers):
            # The padding row is no item.
            meet = of_items[1:].T @ items[1:]
            items = of_items @ meet
        return of_users @ meet, items

    def embeddings(
        self, users: torch.Tensor, items: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """N of some users and items, int64 (n,) and (m,): (n, size) and (m, size); and T_m of all of them."""
        behaviour = mean_of_layers(self.graph, self.user_embedding, self.item_embedding, self.n_layers)
        ids = users, items
        found = [rows(table, chosen) for table, chosen in zip(behaviour, ids, strict=True)]
        if not self.modalities:
            return found[0], found[1], []
        diffused, logits = self._contents()
        hyper = [self._over_hyperedges(pair, behaviour[1], number) for number, pair in enumerate(logits)]
        for side, chosen in enumerate(ids):
            together = torch.stack([rows(pair[side], chosen) for pair in hyper]).sum(dim=0)
            found[side] = found[side] + self.alpha * functional.normalize(together, dim=1)
            for pair in diffused:
                found[side] = found[side] + functional.normalize(rows(pair[side], chosen), dim=1)
        return found[0], found[1], hyper

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        user_ids, positive_ids, negative_ids = triples(interaction)
        users, items = BatchIndex(user_ids), BatchIndex(torch.cat([positive_ids, negative_ids]))
        of_users, of_items, hyper = self.embeddings(users.ids, items.ids)
        positive, negative = items.places.chunk(2)
        loss: torch.Tensor = bpr(score_differences(of_users, of_items, Pairs(users.places, positive, negative)))
        counts = [torch.bincount(column, minlength=len(items.ids)) for column in (positive, negative)]
        squares = of_items.square().sum(dim=1)
        lengths = (of_users.square().sum(dim=1) * users.counts).sum().sqrt()
        lengths = lengths + sum((squares * count).sum().sqrt() for count in counts)
        loss = loss + self.reg_weight * lengths / len(user_ids)
        self.steps += 1
        if not self.cl_weight:
            return loss
        had = counts[0].nonzero().squeeze(1)
        occurring = (users.ids, users.counts), (items.ids[had], counts[0][had])
        for one, other in itertools.combinations(hyper, 2):
            for side, (chosen, count) in enumerate(occurring):
                # The padding row is nobody.
                pairs = rows(one[side], chosen), rows(other[side], chosen)
                terms = info_nce_terms(*pairs, other[side][1:], None, TEMPERATURE)
                loss = loss + self.cl_weight * (terms * count).sum()
        return loss

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender; without noise, as the mode is that of evaluation."""
        device = self.item_embedding.device
        users, items = (torch.arange(n, device=device) for n in (self.n_users, self.n_items))
        return self.embeddings(users, items)[:2]
