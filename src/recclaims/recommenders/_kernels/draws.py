"""Random numbers by counters: what is drawn depends on a key and a place alone, not on what was drawn before.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), whose n-th number follows from its key without the n - 1 before it. So
a cell draws the same whether it is trained alone or beside others, on a CPU or on a GPU. All is int64, which wraps in
numpy as in torch on every device; every function takes arrays of either.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

#: What is drawn; a number of its own for each, so that no two share a stream.
SHUFFLE, NEGATIVES, USERS, ITEMS, EDGES, DROPOUT, HYPEREDGES = range(1, 8)

#: An int64 array of numpy, or a tensor.
Integers = TypeVar("Integers", bound=Any)

_BITS = 2**64
_GAMMA = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _signed(number: int) -> int:
    number %= _BITS
    return number - _BITS if number >= _BITS // 2 else number


def _mixed(number: int) -> int:
    number %= _BITS
    number = (number ^ (number >> 30)) * _FIRST % _BITS
    number = (number ^ (number >> 27)) * _SECOND % _BITS
    return number ^ (number >> 31)


def key(seed: int, *counters: int) -> int:
    """The key of a stream, an int64: of a seed, a purpose and whatever else tells it from others, as the epoch."""
    found = _mixed(seed + _GAMMA)
    for counter in counters:
        found = _mixed(found + _GAMMA * (counter + 1))
    return _signed(found)


def bits(key: int | Integers, places: Integers) -> Integers:
    """64 random bits for each place of a stream, int64.

    Args:
        key: from `key`, or keys that broadcast with the places.
        places: int64, 0 and up.
    """
    found: Any = key + (places + 1) * _signed(_GAMMA)
    found = (found ^ ((found >> 30) & (2**34 - 1))) * _signed(_FIRST)
    found = (found ^ ((found >> 27) & (2**37 - 1))) * _signed(_SECOND)
    return found ^ ((found >> 31) & (2**33 - 1))  # type: ignore[no-any-return]


def below(bits: Integers, n: int | Integers) -> Integers:
    """Whole numbers from 0 to n - 1, all equally likely to one in 2^31; n is less than 2^31 and broadcasts."""
    return (((bits >> 33) & (2**31 - 1)) * n) >> 31  # type: ignore[no-any-return]


#: Of more numbers some are likely to agree in all bits but the last, as many as it takes to count them.
_FEW = 2**20


def order(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of random bits, int64 (n,), in ascending order of these; equal ones, one in 2^64, as they stand."""
    n = len(bits)
    if n <= _FEW:
        # Numbers are sorted in half the time that it takes to find where each of them goes. So the last bits of each
        # give way to its place, and the order is found where no two agree in the others.
        last = (1 << max(n - 1, 0).bit_length()) - 1
        packed = (bits & ~last) | np.arange(n)
        packed.sort()
        first = packed & ~last
        if bool((first[1:] != first[:-1]).all()):
            return packed & last
    found = np.argsort(bits)
    ordered = bits[found]
    # Comparing takes half as long where equal ones may come in any order, as they must not: GPUs draw the same.
    return np.argsort(bits, kind="stable") if bool((ordered[1:] == ordered[:-1]).any()) else found


def unit(bits: Integers) -> Any:
    """Numbers between 0 and 1, neither included, float64."""
    numbers: Any = (bits >> 11) & (2**53 - 1)
    # A sum of int64 and a Python number would be float32 in torch.
    numbers = numbers.astype(np.float64) if isinstance(numbers, np.ndarray) else numbers.double()
    return (numbers + 0.5) * 2.0**-53
