"""Fusions: each against its definition, on matrices made here and on a catalogue."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recclaims.data.catalogue import Item
from recclaims.features.encoded import Block, Features, cosines
from recclaims.features.extraction import extract
from recclaims.features.fusion import (
    Concatenation,
    LateFusion,
    Mean,
    PrincipalComponents,
    SeparateModalities,
    Sum,
    orthonormal_basis,
)
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.plugin_manager import registry

RANDOM = np.random.default_rng(0)
N = 40
WIDE, NARROW = (RANDOM.standard_normal((N, d)).astype(np.float32) for d in (12, 5))
#: Longer rows, as an image encoder may have beside a text encoder.
WIDE *= 7
NAMES = [f"late_fusion{how}" for how in ("", "-concat", "-pca", "-mean", "-sum", "-graph")]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def gram(rows):
    return np.asarray(rows, dtype=np.float64) @ np.asarray(rows, dtype=np.float64).T


def test_concatenation_keeps_what_parts_weigh_and_normalising_does_not():
    raw, equal = Concatenation().fuse([WIDE, NARROW]), LateFusion().fuse([WIDE, NARROW])
    np.testing.assert_array_equal(raw, np.concatenate([WIDE, NARROW], axis=1))
    np.testing.assert_allclose(gram(equal), gram(unit(WIDE)) + gram(unit(NARROW)), atol=1e-5)
    np.testing.assert_array_equal(SeparateModalities().fuse([WIDE, NARROW]), raw)


def test_components_keep_the_distances_of_the_concatenation():
    joined = LateFusion().fuse([WIDE, NARROW]).astype(np.float64)
    made = PrincipalComponents().fuse([WIDE, NARROW])
    assert made.shape == (N, 17)
    np.testing.assert_allclose(gram(made), gram(joined - joined.mean(axis=0)), atol=1e-5)
    variance = made.var(axis=0)
    assert (np.diff(variance) <= 1e-9).all()
    np.testing.assert_allclose(made.T @ made, np.diag(np.diag(made.T @ made)), atol=1e-4)


def test_components_are_as_few_as_asked_and_have_one_sign(monkeypatch):
    monkeypatch.setattr("recclaims.features.fusion.COMPONENTS", 3)
    made = PrincipalComponents().fuse([WIDE, NARROW])
    assert made.shape == (N, 3)
    joined = LateFusion().fuse([WIDE, NARROW]).astype(np.float64)
    vectors = np.linalg.svd(joined - joined.mean(axis=0), full_matrices=False)[2][:3]
    signs = np.sign(vectors[np.arange(3), np.abs(vectors).argmax(axis=1)])
    np.testing.assert_allclose(made, (joined - joined.mean(axis=0)) @ (signs[:, None] * vectors).T, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (3, 40), (50, 4)])
def test_components_of_few_items_or_of_equal_ones_are_finite(shape):
    rows = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    made = PrincipalComponents().fuse([rows, rows])
    assert made.shape[1] == max(1, min(shape[0] - 1, shape[1]))  # the second part adds no dimension
    assert np.isfinite(made).all()
    assert not PrincipalComponents().fuse([np.ones(shape, np.float32)]).any()


def test_a_part_keeps_its_distances_on_the_axes_of_the_widest():
    basis = orthonormal_basis(5, 12, 1)
    np.testing.assert_allclose(basis @ basis.T, np.eye(5), atol=1e-12)
    assert np.abs(basis - orthonormal_basis(5, 12, 2)).max() > 0.1
    np.testing.assert_allclose(Sum().fuse([WIDE, NARROW]), unit(WIDE) + unit(NARROW) @ basis, atol=1e-6)
    silent = np.zeros_like(WIDE)
    np.testing.assert_allclose(gram(Sum().fuse([silent, NARROW])), gram(unit(NARROW)), atol=1e-5)


def test_parts_of_one_width_keep_their_axes():
    other = RANDOM.standard_normal((N, 12)).astype(np.float32)
    np.testing.assert_allclose(Mean().fuse([WIDE, other]), (unit(WIDE) + unit(other)) / 2, atol=1e-6)


#: Not so near to nothing that a half of them is nothing.
VALUES = st.integers(-100_000, 100_000).map(lambda thousandths: thousandths / 1000)


@given(
    arrays.arrays(np.float32, (6, 4), elements=VALUES),
    arrays.arrays(np.float32, (6, 3), elements=VALUES),
)
def test_mean_and_sum_differ_by_scale_alone(a, b):
    mean, total = Mean().fuse([a, b]), Sum().fuse([a, b])
    np.testing.assert_array_equal(2 * mean, total)
    assert (mean[~(a.any(axis=1) | b.any(axis=1))] == 0).all()


def items():
    words = ["red cup", "red mug", "blue cup", "blue mug", "green hat", "green cap"]
    return [Item(str(i), word, attributes={"colour": (word.split()[0],)}) for i, word in enumerate(words)]


@pytest.mark.parametrize("name", NAMES)
def test_every_fusion_takes_any_parts(name):
    encoder = make_encoder(f"{name}:attributes+sbert", registry())
    if encoder.unavailable():
        pytest.skip(encoder.unavailable())
    features = extract(encoder, items())
    assert encoder.name == features.encoder == f"{name}:attributes+sbert"
    similarity = gram(unit(features.matrix))
    assert similarity[0, 1] > similarity[0, 4]
    beside = name in ("late_fusion", "late_fusion-concat", "late_fusion-graph")
    assert [block.width for block in features.blocks] == ([3, 384] if beside else [])
    assert set(features.content(features.matrix)) == (
        {"textual", "textual_2"} if name.endswith("graph") else {"multimodal"}
    )


def test_no_two_fusions_are_the_same_features():
    parts = {name: make_encoder(name, registry()).fuse([WIDE, NARROW]).tobytes() for name in NAMES[:-1]}
    assert len(set(parts.values())) == len(parts)
    versions = {
        make_encoder(name, registry()).version.partition(";effi")[0] for name in ("late_fusion", "late_fusion-pca")
    }
    assert len(versions) == 2


def test_what_a_recommender_gets():
    matrix = np.arange(18, dtype=np.float32).reshape(3, 6)
    blocks = (Block("a", "visual", 1), Block("b", "textual", 2), Block("c", "textual", 3))
    whole = Features("f", "multimodal", matrix, np.zeros(3, bool), blocks=blocks)
    assert list(whole.content(matrix)) == ["multimodal"]
    apart = Features("f", "multimodal", matrix, np.zeros(3, bool), blocks=blocks, separate=True).content(matrix)
    assert {name: part.shape for name, part in apart.items()} == {
        "visual": (3, 1),
        "textual": (3, 2),
        "textual_2": (3, 3),
    }
    np.testing.assert_array_equal(np.concatenate(list(apart.values()), axis=1), matrix)
    assert facts_of("late_fusion-graph", registry()).separate
    assert not facts_of("late_fusion-concat", registry()).separate


def test_cosines_of_rows():
    a = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    b = np.array([[2, 0], [-3, 3], [1, 0]], np.float32)
    np.testing.assert_allclose(cosines(a, b), [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("scale", [1e-40, 1e-14, 1e19, 1e38])
def test_cosines_have_no_scale(scale):
    a, b = (np.random.default_rng(seed).uniform(-1, 1, (20, 7)).astype(np.float32) for seed in (0, 1))
    scaled = (a * scale).astype(np.float32)
    expected = cosines(a, b)
    atol = 1e-3 if scale < 1e-37 else 1e-6  # the smallest numbers of float32 have few digits
    np.testing.assert_allclose(cosines(scaled, b), expected, atol=atol)
    np.testing.assert_allclose(cosines(scaled, scaled), 1, atol=1e-12)
