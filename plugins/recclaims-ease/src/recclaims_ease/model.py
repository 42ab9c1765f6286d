"""EASE (Steck, WWW 2019) and collective EASE (Jeunen, Van Balen and Goethals, RecSys 2020), in closed form.

    G = X^T X + w * F F^T + reg * I        X: users x items, 0 and 1;  F: items x dimensions, rows of length 1
    P = G^-1        B_ij = -P_ij / P_jj off the diagonal, B_jj = 0        s_u = x_u B

B minimises ||X - X B||^2 + w * ||F^T - F^T B||^2 + reg * ||B||^2 with a diagonal of zeros: an item is to be told from
the others by who had them and, with w, by what they are. Each dimension of F stands as if it were one more user.
Without features, or with w = 0, this is EASE, so that the feature-free twin differs in nothing but the features.
"""

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch

import recclaims

#: Items whose dense matrix, and its inverse, still fit into 2 x 3.2 GB.
MOST_ITEMS = 20_000


class EASE(recclaims.ContentRecommender):
    """A linear model of items from items, its diagonal held at zero."""

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        if self.n_items - 1 > MOST_ITEMS:
            raise ValueError(f"{self.n_items - 1:,} items: EASE inverts a dense matrix, of at most {MOST_ITEMS:,}")
        users, items = (dataset.inter_feat[field].numpy() for field in (self.USER_ID, self.ITEM_ID))
        ones = np.ones(len(users), dtype=np.float64)
        self.histories = sp.csr_matrix((ones, (users, items)), shape=(self.n_users, self.n_items))
        self.histories.data[:] = 1  # a pair that occurs twice is one
        self.weights = self._weights(config["reg_weight"], config["feature_weight"])

    def _weights(self, reg, feature_weight):
        """B, float32 (items + 1, items + 1); row and column 0 are padding."""
        had = self.histories[:, 1:]
        gram = (had.T @ had).toarray()
        if self.modalities and feature_weight:
            joined = torch.cat([self.features(modality) for modality in self.modalities], dim=1)[1:]
            rows = joined.cpu().numpy().astype(np.float64)
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows /= np.where(norms > 0, norms, 1)
            gram += feature_weight * (rows @ rows.T)
        gram[np.diag_indices_from(gram)] += reg
        # Symmetric and positive definite.
        factor = scipy.linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
        inverse = scipy.linalg.cho_solve(factor, np.eye(len(gram)), overwrite_b=True, check_finite=False)
        weights = np.zeros((self.n_items, self.n_items), dtype=np.float32)
        weights[1:, 1:] = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return weights

    def calculate_loss(self, interaction):
        """Zero: what there is to learn was solved for."""
        return torch.zeros(())

    def item_scores(self, users):
        """Scores of all items, padding included, for internal user ids (b,): float32 (b, items + 1)."""
        scores = self.histories[users.cpu().numpy()] @ self.weights
        return torch.from_numpy(np.asarray(scores, dtype=np.float32)).to(self.device)
