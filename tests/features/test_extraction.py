from dataclasses import replace

import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError, RecclaimsError, UnknownNameError
from recclaims.features.encoded import Block, FeatureReport, Features
from recclaims.features.encoders.attributes import Attributes
from recclaims.features.extraction import extract
from recclaims.features.fusion import LateFusion
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.features.spec import requirements
from recclaims.plugin_manager import Registry, registry

ITEMS = [Item("a", "first"), Item("b"), Item("c", "third"), Item("d", "", "text")]


class Lengths:
    """The number of letters, and one."""

    name, modality, version = "lengths", "textual", "1"

    def __init__(self, answer=None):
        self.answer = answer

    def encode(self, items):
        self.sent = [item.item_id for item in items]
        if callable(self.answer):
            return self.answer(items)
        return np.array([[len(item.text), 1] for item in items], dtype=np.float64)


def test_only_items_with_the_modality_are_sent_and_the_others_get_the_mean():
    encoder = Lengths()
    features = extract(encoder, ITEMS)
    assert encoder.sent == ["a", "c", "d"]
    assert features.matrix.dtype == np.float32
    np.testing.assert_allclose(features.matrix, [[5, 1], [14 / 3, 1], [5, 1], [4, 1]])
    assert features.filled.tolist() == [False, True, False, False]
    assert features.imputation == "mean"


def test_zero_is_another_imputation():
    assert extract(Lengths(), ITEMS, "zero").matrix[1].tolist() == [0, 0]
    with pytest.raises(UnknownNameError, match="unknown imputation 'meen'; did you mean 'mean'"):
        extract(Lengths(), ITEMS, "meen")


def test_an_encoder_may_say_itself_what_it_covers():
    encoder = Lengths()
    encoder.covers = lambda item: item.item_id in {"a", "b"}
    assert extract(encoder, ITEMS).filled.tolist() == [False, False, True, True]


def nan_at(row, column):
    def answer(items):
        matrix = np.ones((len(items), 3))
        matrix[row, column] = np.nan
        return matrix

    return answer


FAULTS = {
    "list": (lambda items: [[1.0]] * len(items), "encoder 'lengths' returned a list, not a numpy array"),
    "vector": (lambda items: np.ones(len(items)), "returned an array of shape (3,), not (items, dimensions)"),
    "no columns": (lambda items: np.ones((len(items), 0)), "returned an array of shape (3, 0)"),
    "rows": (lambda items: np.ones((2, 4)), "encoder 'lengths' returned 2 rows for 3 items"),
    "texts": (lambda items: np.array([["x"]] * len(items)), "returned values of type <U1, not numbers"),
    "objects": (lambda items: np.array([[None]] * len(items)), "returned values of type object, not numbers"),
    "nan": (nan_at(1, 2), "returned 1 values that are NaN or inf, the first for item 'c', column 2"),
    "overflow": (lambda items: np.full((len(items), 1), 1e300), "returned 3 values that are NaN or inf"),
    "error": (lambda items: items[9], "encoder 'lengths' failed: IndexError: list index out of range"),
    "two lines": (
        lambda items: (_ for _ in ()).throw(ValueError("one\ntwo")).__next__(),
        "failed: ValueError: one two",
    ),
}


@pytest.mark.parametrize(("answer", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_one_line_that_names_the_encoder(answer, message):
    with pytest.raises(FeatureError) as caught:
        extract(Lengths(answer), ITEMS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_to_encode_is_refused():
    with pytest.raises(FeatureError, match="encoder 'lengths': none of 1 items has textual content"):
        extract(Lengths(), [Item("b")])


def features(matrix, filled=()):
    mask = np.zeros(len(matrix), dtype=bool)
    mask[list(filled)] = True
    return Features("toy", "textual", np.asarray(matrix, dtype=np.float32), mask)


def test_the_report_counts():
    rows = [[0, 0], [1, 2], [1, 2], [1, 2], [-0.0, 0], [3, 4], [9, 9], [9, 9]]
    report = FeatureReport.of(features(rows, filled=[6, 7]))
    assert report == FeatureReport(8, 2, imputed=2, zero_rows=2, duplicate_rows=3, largest_group=3)
    assert report.inadmissible() is None


@pytest.mark.parametrize(
    ("matrix", "filled", "reason"),
    [
        ([[0.0]] * 3 + [[1.0], [2.0]], [], "3 of 5 items are zero"),
        ([[1.0], [2.0], [3.0], [3.0], [3.0]], [2, 3, 4], "3 of 5 items are imputed"),
        ([[1.0], [2.0], [3.0], [3.0], [3.0]], [], "3 of 5 items share one row"),
    ],
)
def test_features_that_cannot_carry_a_claim(matrix, filled, reason):
    assert reason in FeatureReport.of(features(matrix, filled)).inadmissible()


def test_half_is_still_admissible():
    assert FeatureReport.of(features([[0.0], [0.0], [1.0], [2.0]])).inadmissible() is None


def test_attributes_are_one_column_per_value():
    items = [Item("a", attributes={"genre": ("x", "y"), "year": ("1",)}), Item("b", attributes={"genre": ("y",)})]
    # genre=x, genre=y, year=1
    np.testing.assert_array_equal(Attributes().encode(items), [[1, 1, 1], [0, 1, 0]])
    assert Attributes().covers(items[0])
    assert not Attributes().covers(Item("c", attributes={"genre": ()}))


class Part(Lengths):
    def __init__(self, name, matrix, covered):
        super().__init__()
        self.name, self.matrix, self.covered = name, np.asarray(matrix, dtype=np.float32), covered

    def covers(self, item):
        return item.item_id in self.covered

    def encode(self, items):
        return self.matrix[[int(item.item_id) for item in items]]


def fusion(*parts):
    fused = LateFusion()
    fused.spec = replace(fused.spec, parts=parts)
    return fused


def test_late_fusion_scales_each_part_to_length_one():
    items = [Item(str(i)) for i in range(3)]
    left = Part("left", [[3, 4], [0, 2], [0, 0]], "012")
    right = Part("right", [[5], [6], [0]], "01")
    made = extract(fusion(left, right), items)
    np.testing.assert_allclose(made.matrix, [[0.6, 0.8, 1], [0, 1, 1], [0, 0, 1]])
    assert made.filled.tolist() == [False, False, False]  # item 2 has its left half
    assert made.modality == "multimodal"


def test_late_fusion_says_which_columns_are_whose():
    items = [Item(str(i)) for i in range(3)]
    left, right = Part("left", np.ones((3, 2)), "012"), Part("right", np.ones((3, 1)), "01")
    right.modality = "visual"
    made = extract(fusion(left, right), items)
    assert made.blocks == (Block("left", "textual", 2), Block("right", "visual", 1))
    assert extract(left, items).blocks == ()


def test_a_fusion_that_mixes_columns_has_no_blocks():
    items = [Item("0"), Item("1")]
    fused = fusion(*(Part(name, [[1.0, 2.0], [2.0, 3.0]], "01") for name in ("left", "right")))
    fused.fuse = sum
    with pytest.raises(FeatureError, match="side_by_side, but 4 columns became 2"):
        extract(fused, items)
    fused.spec = replace(fused.spec, side_by_side=False)
    assert extract(fused, items).blocks == ()


def test_the_modalities_of_blocks_are_known_before_anything_is_encoded():
    assert facts_of("sbert:no-such-model", registry()).blocks == ("textual",)
    assert facts_of("late_fusion", registry()).blocks == ("visual", "textual")
    assert facts_of("late_fusion:attributes+sbert", registry()).blocks == ("textual", "textual")
    with pytest.raises(UnknownNameError, match="did you mean 'sbert'"):
        facts_of("late_fusion:attributes+sbrt", registry())


def test_late_fusion_takes_kept_parts():
    items = [Item("0"), Item("1")]
    left, right = (Part(name, [[1.0], [2.0]], "01") for name in ("left", "right"))
    asked = []

    def part(encoder):
        asked.append(encoder.name)
        return extract(encoder, items)

    extract(fusion(left, right), items, part=part)
    assert asked == ["left", "right"]


def test_late_fusion_carries_its_parts_in_its_version():
    default, other = (
        make_encoder(f"late_fusion{parts}", registry()) for parts in ("", ":efficientnet-lite0+attributes")
    )
    assert "efficientnet-lite0=" in default.version
    assert "sbert=" in default.version
    assert other.name == "late_fusion:efficientnet-lite0+attributes"
    assert default.version != other.version


def test_make_encoder_gives_the_argument_to_the_factory():
    assert make_encoder("sbert", registry()).name == "sbert"
    assert make_encoder("sbert:some-model", registry()).model == "sentence-transformers/some-model"
    assert make_encoder("sbert:org/model", registry()).name == "sbert:org/model"


def broken(**changes):
    namespace = {"name": "broken", "modality": "textual", "version": "1", "encode": lambda self, items: None}
    return type("Broken", (), {**namespace, **changes})


class Named:
    """A factory with an argument that does not rename itself."""

    name, modality, version = "named", "textual", "1"

    def __init__(self, argument="none"):
        self.argument = argument

    def encode(self, items):
        raise NotImplementedError


def test_two_arguments_never_share_a_name():
    mine = Registry(encoders={"named": Named})
    assert [make_encoder(f"named:{a}", mine).name for a in "ab"] == ["named:a", "named:b"]
    assert make_encoder("named", mine).name == Named.name == "named"
    with pytest.raises(FeatureError, match="encoder 'named:': an argument must follow the colon"):
        make_encoder("named:", mine)


def test_covers_that_fails_is_named():
    encoder = Lengths()
    encoder.covers = lambda item: 1 / 0
    with pytest.raises(FeatureError, match="encoder 'lengths' failed: ZeroDivisionError"):
        extract(encoder, ITEMS)


BROKEN = {
    "two lines": (broken(__init__=lambda self: int("a\nb")), "cannot be created: ValueError: invalid literal"),
    "no version": (broken(version=None), "encoder 'broken' has no version; write"),
    "modality": (broken(modality="audio"), "unknown modality 'audio'; known: multimodal, textual, visual"),
    "encode": (broken(encode=3), "has no method encode(items)"),
    "raises": (broken(__init__=lambda self: 1 / 0), "cannot be created: ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize(("factory", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_encoder_is_named(factory, message):
    with pytest.raises(RecclaimsError) as caught:
        make_encoder("broken", Registry(encoders={"broken": factory}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_requirements_follow_from_the_modality_or_are_said():
    assert requirements(broken()) == {"textual"}
    assert requirements(broken(modality="multimodal")) == {"visual", "textual"}
    assert requirements(Attributes) == {"attributes"}
    assert requirements(broken(requires="visual")) == {"visual"}
    assert requirements(broken(modality="visul")) == set()  # joins, so that making it can say what is wrong
