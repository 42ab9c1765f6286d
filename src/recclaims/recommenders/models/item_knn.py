"""Item-kNN and Attribute Item-kNN: the same similarities, over ratings, over attributes, or over both.

    ItemKNN               Z = R^T: an item's row says who had it
    AttributeKNN          Z = C: an item's row says what it is (Elliot's AttributeItemKNN)
    AttributeKNN, hybrid  Z = [weight * C | R^T] (the paper's follow-up)
    S = similarity of the rows of Z;     s_ui = sum of W_ji over the user's train items j, with W from S by
    `neighbourhood`:  "candidate"  an item is judged by the k items most like it: the k largest of each column of S
                                   (RecBole's ItemKNN, upstream Elliot)
                      "history"    each train item votes for the k items it is most like: the k largest of each row
                                   (the follow-up); lower on ML-100K

An item counts among its own k. C has a row of 0 and 1 per item. The similarities, after optional TF-IDF or BM25
weighting of Z, are similaripy's. So the only difference between a hybrid and its feature-free twin, ItemKNN, is
the attributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import similaripy
import torch
from numpy.typing import NDArray

from recclaims.errors import UnknownNameError
from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders._recbole.sampling import history
from recclaims.recommenders.models.content import ContentRecommender

SIMILARITIES = {
    "cosine": similaripy.cosine,
    "asymmetric": similaripy.asymmetric_cosine,
    "jaccard": similaripy.jaccard,
    "dice": similaripy.dice,
    "tversky": similaripy.tversky,
    "dot": similaripy.dot_product,
}
NEIGHBOURHOODS = ("candidate", "history")
WEIGHTINGS = {
    "none": lambda matrix: matrix,
    "tfidf": similaripy.normalization.tfidf,
    "bm25": similaripy.normalization.bm25,
}


def neighbours(
    rows: sp.csr_matrix,
    k: int,
    random: np.random.Generator,
    *,
    similarity: str = "cosine",
    weighting: str = "none",
    alpha: float = 0.5,
    beta: float = 0.5,
    neighbourhood: str = "history",
) -> sp.csr_matrix:
    """Find the k rows most similar to each row, itself included.

    Args:
        rows: float (n, features).
        k: neighbours per row; rows with nothing in common are no neighbours.
        random: decides between equally similar rows. Attributes give many ties; were they decided by the order
            of the items, which often is that of their popularity, attributes would seem to say what it says.
        similarity: a name in SIMILARITIES.
        weighting: a name in WEIGHTINGS, applied to all columns of `rows`. BM25 gives a column that more than half
            of the rows have a negative weight, as its formula does.
        alpha: exponent of `asymmetric`, first weight of `tversky`.
        beta: second weight of `tversky`.
        neighbourhood: whose k are kept, see this module.

    Returns:
        Similarities of row i to row j, float32 (n, n): at most k per row ("history") or column ("candidate").

    Raises:
        UnknownNameError: there is no such similarity, weighting or neighbourhood.
    """
    if similarity not in SIMILARITIES:
        raise UnknownNameError.of("similarity", similarity, SIMILARITIES)
    if weighting not in WEIGHTINGS:
        raise UnknownNameError.of("weighting", weighting, WEIGHTINGS)
    if neighbourhood not in NEIGHBOURHOODS:
        raise UnknownNameError.of("neighbourhood", neighbourhood, NEIGHBOURHOODS)
    columns = neighbourhood == "candidate"
    if columns:  # the k largest of a column are those of a row of the transpose, whose two sides are exchanged
        alpha, beta = (1 - alpha, beta) if similarity == "asymmetric" else (beta, alpha)
    extra = {"asymmetric": {"alpha": alpha}, "tversky": {"alpha": alpha, "beta": beta}}.get(similarity, {})
    # In the order of the lot, without rows that hold nothing: similaripy 0.7 fails on those at the end.
    filled = np.flatnonzero(np.diff(rows.indptr))
    order = random.permutation(filled)
    weighted = WEIGHTINGS[weighting](sp.csr_matrix(rows[order], dtype=np.float32))
    found = SIMILARITIES[similarity](
        weighted, k=k, verbose=False, format_output="coo", num_threads=torch.get_num_threads(), **extra
    )
    places = order[found.row], order[found.col]
    if columns:
        places = places[::-1]
    return sp.csr_matrix((found.data, places), shape=(rows.shape[0],) * 2, dtype=np.float32)


class ItemKNN(ContentRecommender):
    """Items that the same users had; with content, items with the same attributes as well (`hybrid`)."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        users, items = history(dataset)
        ones = np.ones(len(users), np.float32)
        self.histories = sp.csr_matrix((ones, (users, items)), shape=(self.n_users, self.n_items))
        random = np.random.default_rng([config["seed"], 0x1C2])
        settings = {name: config[name] for name in ("similarity", "weighting", "alpha", "beta", "neighbourhood")}
        # Row 0 is padding: no neighbour and nobody's neighbour.
        similarity = neighbours(self._rows(config)[1:], config["k"], random, **settings).tocoo()
        places = similarity.row + 1, similarity.col + 1
        self.derived = self.similarity = sp.csr_matrix((similarity.data, places), shape=(self.n_items, self.n_items))

    def _rows(self, config: Any) -> sp.csr_matrix:
        """Z, one row per internal item id."""
        had = self.histories.T.tocsr()
        if not self.modalities:
            return had
        return sp.csr_matrix(sp.hstack([config["attribute_weight"] * self._attributes(), had]))

    def _attributes(self) -> sp.csr_matrix:
        """C: every slot's value has its own column, so that items with other attributes have other rows."""
        matrix: NDArray[np.float32] = torch.cat([self.features(m) for m in self.modalities], dim=1).cpu().numpy()
        if not np.isin(matrix, (0.0, 1.0)).all():
            raise ValueError("attributes are rows of 0 and 1; these features are not")
        return sp.csr_matrix(matrix)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Zero: nothing is trained."""
        return torch.zeros(())

    def item_scores(self, users: torch.Tensor) -> torch.Tensor:
        """See ContentRecommender."""
        scores = self.histories[users.cpu().numpy()] @ self.similarity
        return torch.from_numpy(scores.toarray()).to(self.device)


class AttributeKNN(ItemKNN):
    """Items with the same attributes, whoever had them."""

    def _rows(self, config: Any) -> sp.csr_matrix:
        if not self.modalities:
            raise ValueError("attribute-knn-content has no feature-free twin: without attributes nothing is left")
        return self._attributes()
