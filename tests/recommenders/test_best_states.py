"""The states of the best validations are those kept, and their mean is one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recclaims.recommenders._recbole.best_states import BestStates

SCORES = st.lists(st.one_of(st.just(float("nan")), st.integers(0, 4).map(float)), min_size=1, max_size=12)


@given(SCORES, st.integers(1, 5))
def test_what_is_kept_is_what_sorting_all_gives(scores, count):
    best, copied = BestStates(count), []
    for epoch, score in enumerate(scores, 1):
        best.offer(score, epoch, lambda epoch=epoch: copied.append(epoch) or {"weight": torch.tensor([float(epoch)])})
    # The highest first; of equal ones the latest.
    order = sorted(((score, epoch) for epoch, score in enumerate(scores, 1) if not math.isnan(score)), reverse=True)[
        :count
    ]
    assert [(score, epoch) for score, epoch, _ in best.kept] == order
    assert best.best_epoch == (order[0][1] if order else 0)
    mean = best.mean()
    if order:
        assert mean["weight"].item() == pytest.approx(np.mean([epoch for _, epoch in order]))
    else:
        assert mean == {}
        assert copied == []


def test_what_has_no_mean_is_the_best_ones():
    best = BestStates(2)
    best.offer(1.0, 1, lambda: {"seen": torch.tensor(3), "name": "early", "weight": torch.tensor([0.0])})
    best.offer(2.0, 2, lambda: {"seen": torch.tensor(5), "name": "late", "weight": torch.tensor([1.0])})
    assert best.mean() == {"seen": torch.tensor(5), "name": "late", "weight": torch.tensor([0.5])}
