"""What a source of datasets declares: by a `spec` or by attributes of the same names, and faults are one line."""

from dataclasses import fields
from pathlib import Path

import pytest

from recclaims import FeatureFile, Parameter, SourceSpec
from recclaims.data.reference import open_source
from recclaims.data.source_spec import source_spec
from recclaims.errors import DatasetError
from recclaims.features.available_inputs import available_modalities, bundled_encoders
from recclaims.offers import factory_of
from recclaims.plugin_manager import Registry, registry

SAID = {
    "argument": "COLOUR",
    "parameters": {"users": Parameter(10, "how many", least=1)},
    "answers": ("m_keyword",),
    "features": {"clip": FeatureFile(Path("clip.npy"), "visual"), "bert": FeatureFile(Path("bert.npy"), "textual")},
}


class Plain:
    """As sources have always been written."""

    name, modalities = "plain", frozenset({"textual"})

    def __init__(self, colour="", users=0):
        self.given = colour, users

    def load(self):
        raise NotImplementedError


def kind(**attributes):
    return type("Made", (Plain,), attributes)


def opened(made, reference="plain"):
    return open_source(reference, Registry(datasets={"plain": made}))


def test_a_source_that_declares_nothing():
    assert source_spec(Plain) == source_spec(opened(Plain)) == SourceSpec()


def test_a_spec_and_attributes_of_the_same_names_say_the_same():
    assert set(SAID) == {field.name for field in fields(SourceSpec)}
    by_spec, by_attributes = kind(spec=SourceSpec(**SAID)), kind(**SAID)
    assert source_spec(by_spec) == source_spec(by_attributes) == SourceSpec(**SAID)
    for made in (by_spec, by_attributes):
        source = opened(made, "plain:red?users=3")
        assert source._source.given == ("red", 3)
        assert source_spec(source) == SourceSpec(**SAID)
        assert available_modalities(source) == {"textual", "features:clip", "features:bert"}
        assert "late_fusion:features:clip+features:bert" in bundled_encoders(source)


def test_what_only_objects_know_is_said_by_them():
    made = kind(answers=property(lambda self: ("m_keyword",)))
    assert source_spec(made).answers == ()
    assert source_spec(opened(made)).answers == ("m_keyword",)
    assert source_spec(factory_of("datasets", made())).answers == ("m_keyword",)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"argument": 3}, "dataset 'plain' has argument 3 ... argument = \"CATEGORY\""),
        ({"parameters": {"users": 10}}, "dataset 'plain' has parameters {'users': 10} ... parameters = {"),
        ({"spec": {"argument": "C"}}, "has spec {'argument': 'C'} ... spec = recclaims.SourceSpec("),
        ({"spec": SourceSpec}, "spec = recclaims.SourceSpec("),
        ({"spec": SourceSpec(answers="m_keyword")}, "has answers 'm_keyword' ... answers = "),
        ({"spec": SourceSpec(features=["clip"])}, "has features ['clip'] ... features = {"),
    ],
)
def test_a_fault_is_one_line(attributes, message):
    with pytest.raises(DatasetError) as caught:
        opened(kind(**attributes))
    assert all(part in str(caught.value) for part in message.split(" ... "))
    assert "\n" not in str(caught.value)


def test_what_comes_with_recclaims_declares_by_a_spec_alone():
    for factory in registry().datasets.values():
        assert not {field.name for field in fields(SourceSpec)} & set(vars(factory)), factory.name
