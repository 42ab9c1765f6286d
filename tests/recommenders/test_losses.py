"""Losses that are computed once an id, beside torch's over the whole batch."""

import pytest
import torch
from torch.nn import functional

from recclaims.recommenders._kernels.gathers import BatchIndex
from recclaims.recommenders._kernels.losses import cosine_distance, unit_rows

IDS = torch.tensor([7, 2, 2, 9, 7, 2, 40])
#: What stands beside each of them: rows of a table of three.
BESIDE = torch.tensor([0, 1, 2, 2, 0, 1, 1])


@pytest.mark.parametrize("length", [1.0, 0.0])
def test_cosine_distance_and_its_gradient_are_torchs(length):
    torch.manual_seed(0)
    predicted = torch.randn(4, 5, dtype=torch.float64)
    predicted[1] *= length
    targets = torch.randn(3, 5, dtype=torch.float64)
    targets[2] *= length
    predicted.requires_grad_()
    occurrences = BatchIndex(IDS)
    ours = cosine_distance(predicted, occurrences.sums(unit_rows(targets), BESIDE), occurrences)
    torchs = 1 - functional.cosine_similarity(predicted[occurrences.places], targets[BESIDE]).mean()
    torch.testing.assert_close(ours, torchs)
    gradients = [torch.autograd.grad(3 * loss, predicted)[0] for loss in (ours, torchs)]
    torch.testing.assert_close(*gradients)


def test_targets_get_no_gradient():
    targets = torch.randn(3, 2, requires_grad=True)
    occurrences = BatchIndex(IDS)
    sums = occurrences.sums(targets, BESIDE)
    cosine_distance(torch.randn(4, 2, requires_grad=True), sums, occurrences).backward()
    assert targets.grad is None
