"""Losses with a backward pass of their own, beside torch's."""

import pytest
import torch
from torch.nn import functional

from recclaims.recommenders.losses import cosine_distance


@pytest.mark.parametrize("length", [1.0, 0.0])
def test_cosine_distance_and_its_gradient_are_torchs(length):
    torch.manual_seed(0)
    embeddings = torch.randn(30, 5, dtype=torch.float64)
    embeddings[3] *= length
    targets = torch.randn(30, 5, dtype=torch.float64)
    embeddings.requires_grad_()
    ours, torchs = cosine_distance(embeddings, targets), 1 - functional.cosine_similarity(embeddings, targets).mean()
    torch.testing.assert_close(ours, torchs)
    gradients = [torch.autograd.grad(3 * loss, embeddings)[0] for loss in (ours, torchs)]
    torch.testing.assert_close(*gradients)


def test_targets_get_no_gradient():
    targets = torch.randn(4, 2, requires_grad=True)
    cosine_distance(torch.randn(4, 2, requires_grad=True), targets).backward()
    assert targets.grad is None
