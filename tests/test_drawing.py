"""The test command tries the same examples every time; a search tries others, and more."""

import os
import subprocess
import sys
from pathlib import Path

FILE = """
from hypothesis import given, strategies as st
from tests.drawing import examples, load_profile

load_profile()
seen = []


@examples(5)
@given(st.integers())
def test_one(x):
    seen.append(x)


@given(st.integers())
def test_two(x):
    seen.append(x)


test_one()
n = len(seen)
test_two()
print(n, len(seen) - n, hash(tuple(seen)))
"""


def drawn(profile):
    environment = {**os.environ, "HYPOTHESIS_PROFILE": profile} if profile else dict(os.environ)
    if not profile:
        environment.pop("HYPOTHESIS_PROFILE", None)
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FILE], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.split() or done.stderr


def test_the_test_command_draws_nothing_by_lot():
    first, second = drawn(""), drawn("")
    assert first == second
    assert first[:2] == ["5", "100"]


def test_a_search_draws_other_examples_and_more():
    first, second = drawn("random"), drawn("random")
    assert first[:2] == second[:2] == ["100", "2000"]
    assert first[2] != second[2]


def test_a_profile_that_nobody_knows_is_refused():
    assert "HYPOTHESIS_PROFILE is 'radnom'; known: fixed, random" in drawn("radnom")
