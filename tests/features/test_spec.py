"""What an encoder declares: read in one way, whether by a `spec` or by attributes, and faults are one line."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError, RecclaimsError
from recclaims.features.extraction import IMPUTATIONS, extract
from recclaims.features.resolve import facts_of, known_encoder, make_encoder, why_unavailable
from recclaims.features.spec import IMPUTATIONS as DECLARED
from recclaims.features.spec import EncoderSpec, methods_of, requirements, spec_of, spec_of_factory
from recclaims.offers import factory_of
from recclaims.plugin_manager import Registry, registry

#: A value of every field that is not its default.
SAID = {
    "requires": frozenset({"answers"}),
    "representation": "sets",
    "imputation": "zero",
    "chunk": 3,
    "generative": True,
    "answering": {"temperature": "0", "top_p": "1", "seed": "0", "max_new_tokens": "9"},
    "answers": "keyword",
    "on_request": True,
    "place": "folder/x",
    "beside": (Path("folder/y"),),
    "fuses": True,
    "side_by_side": True,
    "separate": True,
    "space": "org/clip",
}


class Plain:
    """As plugins have always been written: four names and nothing else."""

    name, modality, version = "plain", "textual", "1"

    def encode(self, items):
        return np.array([[len(item.title), 1] for item in items], dtype=np.float32)


def made(**attributes):
    return type("Made", (Plain,), attributes)()


def variant(self, settings):
    return self.name


def fuse(self, matrices):
    return np.concatenate(matrices, axis=1)


def with_methods(**attributes):
    return made(**attributes, variant=variant, fuse=fuse)


def test_an_encoder_of_four_names_declares_nothing():
    assert spec_of(Plain()) == spec_of(Plain) == EncoderSpec()
    assert set(vars(methods_of(Plain())).values()) == {None}
    assert make_encoder("plain", Registry(encoders={"plain": Plain})).version == "1"


def test_a_spec_and_attributes_of_the_same_names_say_the_same():
    values = SAID | {"parts": (Plain(),)}
    assert set(values) == {field.name for field in fields(EncoderSpec)}
    by_spec, by_attributes = with_methods(spec=EncoderSpec(**values)), with_methods(**values)
    assert spec_of(by_spec) == spec_of(by_attributes) == EncoderSpec(**values)


@pytest.mark.parametrize("name", SAID)
def test_a_class_declares_what_its_objects_do(name):
    companions = {"side_by_side": True} if name == "separate" else {}
    encoder = with_methods(spec=EncoderSpec(**{name: SAID[name]}, **companions))
    assert spec_of(type(encoder)) == spec_of(encoder) == factory_of("encoders", encoder).spec


def test_a_spec_leaves_attributes_of_these_names_to_the_encoder():
    assert spec_of(made(spec=EncoderSpec(chunk=2), parts=["head"], representation="cls", chunk="all")).chunk == 2


@pytest.mark.parametrize(
    "attributes",
    [
        {"parts": ["head", "body"]},
        {"place": Path("weights")},
        {"answers": {"i1": "a cat"}},
        {"answering": True},
        {"beside": 3},
        {"variant": "large"},
        {"fuse": "mean"},
        {"spec": "vit-b-32"},
        {"chunk": None, "requires": None, "imputation": None, "prepare": None},
    ],
)
def test_an_old_encoder_may_use_such_a_word_for_something_else(attributes):
    encoder = make_encoder("plain", Registry(encoders={"plain": type("Made", (Plain,), attributes)}))
    assert spec_of(encoder) == EncoderSpec()
    assert set(vars(methods_of(encoder)).values()) == {None}
    assert facts_of("plain", Registry(encoders={"plain": type(encoder)})).requires == {"textual"}


def test_what_only_objects_have_is_not_said_by_the_class():
    kind = type("Made", (Plain,), {"requires": property(lambda self: "attributes"), "chunk": property(lambda self: 5)})
    assert spec_of(kind) == EncoderSpec()
    assert requirements(kind()) == {"attributes"}
    assert spec_of(kind()).chunk == 5


FAULTS = {
    "requires": (5, "encoder 'plain' has requires 5; write for example requires = frozenset({\"textual\"})"),
    "representation": ("set", "encoder 'plain': unknown representation 'set'; did you mean 'sets'?"),
    "imputation": ("meen", "encoder 'plain': unknown imputation 'meen'; did you mean 'mean'?"),
    "chunk": ("many", "encoder 'plain' has chunk 'many'; write for example chunk = 64"),
    "negative": (-1, "encoder 'plain' has chunk -1; write for example chunk = 64"),
    "answers": ("keywords", "encoder 'plain': unknown answers 'keywords'; did you mean 'keyword'?"),
    "place": (Path("x"), "encoder 'plain' has place PosixPath('x'); write for example place = \"folder/vectors.npy\""),
    "beside": ("x", "encoder 'plain' has beside 'x'; write for example beside = "),
    "parts": (("sbert",), "encoder 'plain' has parts ('sbert',); write for example parts = (Mine(), Other())"),
    "answering": (
        {"temperature": 0},
        "encoder 'plain' has answering {'temperature': 0}; write for example answering = ",
    ),
    "separate": (True, "encoder 'plain' has separate, which also needs side_by_side = True"),
}


@pytest.mark.parametrize("field", FAULTS)
def test_a_fault_of_a_spec_is_one_line(field):
    value, message = FAULTS[field]
    kind = type("Made", (Plain,), {"spec": EncoderSpec(**{"chunk" if field == "negative" else field: value})})
    with pytest.raises(FeatureError) as caught:
        make_encoder("plain", Registry(encoders={"plain": kind}))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    # While cases are looked for it joins; made, it says what is wrong.
    assert facts_of("plain", Registry(encoders={"plain": kind})).requires == (
        {"textual"} if field == "separate" else frozenset()
    )
    assert spec_of_factory(kind) == (EncoderSpec(separate=True) if field == "separate" else EncoderSpec())


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"spec": {"chunk": 64}}, "has spec {'chunk': 64} ... spec = recclaims.EncoderSpec(chunk=64)"),
        ({"spec": EncoderSpec}, "spec = recclaims.EncoderSpec(chunk=64)"),
        ({"spec": lambda self: EncoderSpec()}, "spec = recclaims.EncoderSpec(chunk=64)"),
        ({"covers": ["i1"]}, "encoder 'plain' has covers ['i1'], which is not a method"),
        ({"unavailable": "no weights"}, "encoder 'plain' has unavailable 'no weights', which is not a method"),
        ({"spec": EncoderSpec(parts=(Plain(),))}, "encoder 'plain' has parts ... fuse(matrices)"),
        (
            {"spec": EncoderSpec(answering={"temperature": "0"}), "variant": variant},
            "encoder 'plain' has answering without top_p, seed, max_new_tokens",
        ),
        (
            {"spec": EncoderSpec(answering=SAID["answering"])},
            "encoder 'plain' has answering ... variant(settings)",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line(attributes, message):
    with pytest.raises(FeatureError) as caught:
        make_encoder("plain", Registry(encoders={"plain": type("Made", (Plain,), attributes)}))
    assert all(part in str(caught.value) for part in message.split(" ... "))
    assert "\n" not in str(caught.value)


def test_every_imputation_that_can_be_declared_is_there():
    assert set(DECLARED) == set(IMPUTATIONS)
    rows = extract(made(spec=EncoderSpec(imputation="zero")), [Item("a", "title"), Item("b")]).matrix
    assert rows.tolist() == [[5, 1], [0, 0]]


def test_what_comes_with_recclaims_declares_by_a_spec_alone():
    names = {field.name for field in fields(EncoderSpec)}
    for factory in registry().encoders.values():
        mine = {name for kind in factory.__mro__[:-1] for name in vars(kind)}
        # A fusion shows its parts.
        assert not mine & (names - {"parts"}), factory.name


class Counting(Plain):
    """Says how often it was made."""

    name = "counting"
    count = 0
    spec = EncoderSpec(requires=frozenset({"textual"}))

    def __init__(self, argument=""):
        type(self).count += 1
        if "/" in argument:
            self.spec = replace(self.spec, place=argument)

    def unavailable(self):
        return "not today"


def test_an_encoder_that_is_only_asked_is_made_once():
    Counting.count = 0
    mine = Registry(encoders={"counting": Counting})
    for _ in range(3):
        facts_of("counting:x", mine)
        assert why_unavailable(known_encoder("counting:x", mine)) == "not today"
    assert Counting.count == 1
    assert make_encoder("counting:x", mine) is not known_encoder("counting:x", mine)
    facts_of("counting:x", Registry(encoders={"counting": Counting}))
    assert Counting.count == 3


def test_an_encoder_of_a_path_is_made_anew_as_the_file_may_be_another():
    Counting.count = 0
    mine = Registry(encoders={"counting": Counting})
    for _ in range(3):
        facts_of("counting:folder/x", mine)
    assert Counting.count == 3


def test_parts_of_a_fusion_come_from_the_registry_it_is_made_with():
    mine = Registry(encoders={"counting": Counting, "late_fusion": registry().encoders["late_fusion"]})
    fusion = make_encoder("late_fusion:counting:a+counting:b", mine)
    assert [part.name for part in spec_of(fusion).parts] == ["counting:a", "counting:b"]
    assert spec_of(fusion).requires == {"textual"}
    with pytest.raises(RecclaimsError, match="unknown encoder 'sbert'"):
        make_encoder("late_fusion:counting+sbert", mine)
