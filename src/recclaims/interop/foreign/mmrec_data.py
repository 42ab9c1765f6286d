"""The train part of a split by the names that MMRec's data sets and loaders have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recclaims.data.importers.mmrec import ITEM, USER


class ConfigOfClass(dict[str, Any]):
    """A configuration as MMRec gives one: a key that nobody set reads as None.

    Attributes:
        absent: the keys that were read so.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.absent: set[str] = set()

    def __missing__(self, key: str) -> None:
        self.absent.add(key)

    @property
    def final_config_dict(self) -> dict[str, Any]:
        """The configuration itself, by the name of MMRec's attribute."""
        return self


class TrainSet:
    """What MMRec calls the data set of a loader: the train pairs, and how many users and items there are."""

    def __init__(self, users: NDArray[np.int64], items: NDArray[np.int64], n_users: int, n_items: int) -> None:
        self.users, self.items = users, items
        self.user_num, self.item_num, self.inter_num = n_users, n_items, len(users)
        self.uid_field, self.iid_field = USER, ITEM

    def get_user_num(self) -> int:
        """How many users there are."""
        return self.user_num

    def get_item_num(self) -> int:
        """How many items there are."""
        return self.item_num

    def __len__(self) -> int:
        return self.inter_num

    @cached_property
    def df(self) -> Any:
        """The pairs as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame({USER: self.users, ITEM: self.items})


class TrainLoader:
    """What MMRec gives a class as its second argument; batches are drawn by recclaims and not by it."""

    def __init__(self, config: ConfigOfClass, dataset: TrainSet) -> None:
        self.config, self.dataset = config, dataset
        self.batch_size = self.step = config["train_batch_size"]
        self.device = config["device"]
        self.all_items: list[int] = np.unique(dataset.items).tolist()
        self.all_uids = np.unique(dataset.users)
        self.all_items_set, self.all_users_set = set(self.all_items), set(self.all_uids.tolist())
        self.all_item_len = len(self.all_items)
        self.sparsity = 1 - dataset.inter_num / dataset.user_num / dataset.item_num

    def __len__(self) -> int:
        return math.ceil(len(self.dataset) / int(self.batch_size))

    @cached_property
    def history_items_per_u(self) -> dict[int, set[int]]:
        """By user, the items of train."""
        return dict(_grouped(self.dataset.users, self.dataset.items))

    @cached_property
    def history_users_per_i(self) -> dict[int, set[int]]:
        """By item, the users of train."""
        return dict(_grouped(self.dataset.items, self.dataset.users))

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> Any:
        """The train pairs as a SciPy matrix of ones, float64 (n_users, n_items), in the form "coo" or "csr".

        Raises:
            ValueError: values are asked for: there are none, as ratings only say which pairs there are.
        """
        if value_field is not None:
            raise ValueError(f"inter_matrix: there is no column {value_field}; pairs have no value here")
        data = self.dataset
        ones = np.ones(len(data))
        matrix = sp.coo_matrix((ones, (data.users, data.items)), shape=(data.user_num, data.item_num))
        return matrix if form == "coo" else matrix.tocsr()


def _grouped(by: NDArray[np.int64], of: NDArray[np.int64]) -> Iterator[tuple[int, set[int]]]:
    order = np.argsort(by, kind="stable")
    keys, starts = np.unique(by[order], return_index=True)
    for key, part in zip(keys.tolist(), np.split(of[order], starts[1:]), strict=True):
        yield key, set(part.tolist())
