"""Data whose right answer is obvious by eye: two groups of users who like two groups of items."""

import numpy as np

from recclaims.evaluation.ranking import ItemLists

N_USERS, N_ITEMS = 40, 30


def checkerboard(seed=0, share=0.6):
    """Users and items of equal parity like each other; a share of the liked pairs is for training."""
    random = np.random.default_rng(seed)
    users, items = np.nonzero((np.arange(N_USERS)[:, None] + np.arange(N_ITEMS)) % 2 == 0)
    train = random.random(len(users)) < share
    # Every user and item keeps at least one train pair.
    train[np.unique(users, return_index=True)[1]] = True
    train[np.unique(items, return_index=True)[1]] = True
    held = ItemLists.of(users[~train], items[~train], N_USERS)
    return users[train], items[train], held


def parity_features(noise=0.1, seed=0):
    """Features that say which of the two groups an item is of."""
    random = np.random.default_rng(seed)
    group = np.eye(2)[np.arange(N_ITEMS) % 2]
    return (group + noise * random.normal(size=group.shape)).astype(np.float32)
