"""Would several small cells train faster as one model? An upper bound of it, at the size of ML-100K.

Five cells as one are here one model of five times the users, items, pairs and batch, whose step has the same arithmetic
as five steps and a fifth of the calls. What a true model of five cells would need besides (five projections instead of
one, five moments at which to stop) is left out, so that it can only be slower than this. LATTICE is not here: its item
graph grows with the square of the items, so that one large model has five times the work of five small ones.
"""

import pytest

from recclaims.recommenders import builtin

from .shape import epoch_of, features

CELLS, N_USERS, N_ITEMS, N_PAIRS, BATCH, WIDTH = 5, 943, 1_682, 80_000, 4_096, 384
RECOMMENDERS = {
    "bpr": builtin.BPR,
    "lightgcn": builtin.LIGHTGCN,
    "vbpr": builtin.VBPR,
    "freedom": builtin.FREEDOM,
    "bm3": builtin.BM3,
}


def epochs_of(recommender, times):
    content = (("textual", features(WIDTH, times * N_ITEMS)),) if recommender.content else ()
    sizes = times * N_USERS, times * N_ITEMS, times * N_PAIRS
    return epoch_of(recommender, content, sizes=sizes, train_batch_size=times * BATCH)


@pytest.mark.parametrize("who", ["recclaims", "as one model"])
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_five_cells(benchmark, name, who):
    recommender = RECOMMENDERS[name]
    benchmark.group = f"one epoch of {CELLS} cells of {name}"
    if who == "recclaims":
        cells = [epochs_of(recommender, 1) for _ in range(CELLS)]
        losses = benchmark.pedantic(lambda: [epoch() for epoch in cells], rounds=3, warmup_rounds=1)
    else:
        losses = [benchmark.pedantic(epochs_of(recommender, CELLS), rounds=3, warmup_rounds=1)]
    assert all(loss > 0 for loss in losses)
