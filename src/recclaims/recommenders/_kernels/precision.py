"""What a shorter number format costs or saves on this processor."""

from __future__ import annotations

import time

import torch


def bfloat16_share(rounds: int = 9) -> float:
    """The time of a product in bfloat16, by its time in float32: that of a batch's features with their projection.

    Processors with instructions for it (AVX512_BF16, AMX) need less than half; others emulate it, at several times the
    cost. The fastest of some rounds, which alternate so that other work meets both.
    """
    generator = torch.Generator().manual_seed(0)
    factors = [torch.randn(n, 1280, generator=generator) for n in (2048, 64)]
    by_type = {dtype: [one.to(dtype) for one in factors] for dtype in (torch.float32, torch.bfloat16)}
    fastest: dict[torch.dtype, float] = {}
    for _ in range(rounds):
        for dtype, (features, weight) in by_type.items():
            began = time.perf_counter()
            torch.nn.functional.linear(features, weight)
            taken = time.perf_counter() - began
            fastest[dtype] = min(taken, fastest.get(dtype, taken))
    return fastest[torch.bfloat16] / fastest[torch.float32]
