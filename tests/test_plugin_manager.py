import itertools

import pytest

from recclaims.errors import UnknownNameError
from recclaims.hookspecs import hookimpl
from recclaims.plugin_manager import load

COUNT = itertools.count()
GOOD = """
import recclaims
class Good:
    name, modality, version = "good", "textual", "1"
    def encode(self, items): ...
@recclaims.hookimpl
def recclaims_encoders():
    return [Good]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with an entry point, as pip would leave it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("RECCLAIMS_PLUGINS", raising=False)

    def write(name, code):
        module = f"plugin_{name}_{next(COUNT)}"  # a name of its own, as Python keeps imported modules
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[recclaims]\n{name} = {module}\n")

    return write


def test_built_ins_register_through_the_hooks():
    registry = load()
    assert {"sbert", "efficientnet-lite0", "late_fusion", "attributes", "resnet50"} <= set(registry.encoders)
    assert {"vbpr", "freedom", "content-knn", "mostpop"} <= set(registry.recommenders)
    assert set(registry.claims) >= {"noise", "content"}
    assert registry.origin["encoders", "sbert"] == "recclaims"


def test_a_third_party_encoder_joins(install):
    install("good", GOOD)
    registry = load()
    assert registry.encoders["good"].name == "good"
    assert registry.origin["encoders", "good"] == "good 1.2"
    assert not registry.broken


BROKEN = {
    "import": (
        "import no_such_package_at_all",
        "ModuleNotFoundError: No module named 'no_such_package_at_all'",
    ),
    "hook": (GOOD.replace("return [Good]", "raise KeyError('x')"), "KeyError: 'x'"),
    "nameless": (GOOD.replace("return [Good]", "return [object()]"), "which has no name"),
    "unknown_hook": (
        GOOD.replace("def recclaims_encoders", "def recclaims_encoder"),
        "unknown hook 'recclaims_encoder'; did you mean 'recclaims_encoders'?",
    ),
    "clash": (GOOD.replace('"good"', '"sbert"'), "encoder 'sbert' is already defined by recclaims"),
    "no_list": (GOOD.replace("return [Good]", "return 3"), "recclaims_encoders returned 3, not a list; write"),
    "nothing": (GOOD.replace("return [Good]", "pass"), "recclaims_encoders returned nothing, not a list; write"),
    "exit_at_import": ("import sys\nsys.exit(0)", "SystemExit: 0"),
    "exit_in_hook": (GOOD.replace("return [Good]", "raise SystemExit(3)"), "SystemExit: 3"),
    "name_with_colon": (GOOD.replace('"good"', '"my:good"'), "encoder 'my:good' cannot have that name: ':'"),
    "name_of_lines": (GOOD.replace('"good"', '"my\\ngood"'), "not one line of printable text"),
    "no_encode": (GOOD.replace("[Good]", "[type('B', (), {'name': 'b'})()]"), "encoder 'b' has no method encode"),
}
DECLARED = """
import recclaims
@recclaims.hookimpl
def recclaims_{kind}():
    return [{offer}]
"""
UNDECLARED = {
    "a class": ("recommenders", "type('Mine', (), {'name': 'mine'})", "write recclaims.Recommender("),
    "no parameters": (
        "recommenders",
        "recclaims.Recommender('mine', '1', 'a:B', parameters=None)",
        "recommender 'mine' cannot be used, its parameters is None; write recclaims.Recommender(",
    ),
    "unknown word": (
        "recommenders",
        "recclaims.Recommender('mine', '1', 'a:B', reads='set')",
        "recommender 'mine': unknown value of reads 'set'; did you mean 'sets'? known: any, sets",
    ),
    "one text": (
        "claims",
        "recclaims.Claim('mine', 1, 'So.', 'me', controls=('permuted'))",
        "claim 'mine': controls is 'permuted', not a list; write [\"permuted\"]",
    ),
    "no claim": ("claims", "type('Mine', (), {'name': 'mine'})()", "claim 'mine' cannot be used, <"),
    "a need": (
        "controls",
        "recclaims.NoiseControl('mine', '1', print, 'nothing', needs='block')",
        "control 'mine': unknown value of needs 'block'; did you mean 'blocks'?",
    ),
    "underscore": (
        "claims",
        "recclaims.Claim('_mine', 1, 'So.', 'me', controls=())",
        "claim '_mine' cannot be a marker",
    ),
    "no load": ("datasets", "type('D', (), {'name': 'd'})()", "dataset 'd' has no method load"),
    "no render": ("reporters", "type('R', (), {'name': 'r'})()", "reporter 'r' has no method render"),
}


@pytest.mark.parametrize(("kind", "offer", "reason"), UNDECLARED.values(), ids=UNDECLARED)
def test_what_is_no_recommender_claim_dataset_or_reporter_says_what_to_write(install, kind, offer, reason):
    install("broken", DECLARED.format(kind=kind, offer=offer))
    (plugin,) = load().broken
    assert reason in plugin.error
    assert str(plugin).startswith("plugin broken (broken 1.2) is left out: ")


def test_one_faulty_offer_does_not_take_its_neighbours(install):
    install("good", GOOD.replace("[Good]", "[Good, object(), 3]"))
    registry = load()
    (plugin,) = registry.broken
    assert str(plugin).startswith("plugin good (good 1.2) is used in part: ")
    assert plugin.error.count("has no name") == 2
    assert "good" in registry.encoders


@pytest.mark.parametrize(
    ("kind", "body", "asked"),
    [
        ("encoders", "modality, version = 'textual', '1'\n    def encode(self, items): ...", "encode"),
        ("datasets", "modalities = frozenset({'textual'})\n    def load(self): ...", "load"),
        ("reporters", "filename = 'x'\n    def render(self, document): ...", "render"),
    ],
)
def test_a_ready_object_serves_as_its_class_does(install, kind, body, asked):
    code = f"class Mine:\n    name = 'mine'\n    {body}\n"
    install("mine", code + DECLARED.format(kind=kind, offer="Mine()"))
    factory = getattr(load(), kind)["mine"]
    made, again = factory(), factory()
    assert callable(getattr(made, asked))
    assert made is not again  # what one dataset does to it must not reach another
    with pytest.raises(TypeError, match=f"it is a ready {kind[:-1]} and takes no argument; offer its class"):
        factory("argument")


def test_ctrl_c_in_a_plugin_stops_the_program(install):
    install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load()


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_and_the_others_work(install, code, reason):
    install("broken", code)
    install("good", GOOD)
    registry = load()
    (plugin,) = registry.broken
    assert (plugin.name, plugin.distribution) == ("broken", "broken 1.2")
    assert reason in plugin.error
    assert "good" in registry.encoders
    assert registry.origin["encoders", "sbert"] == "recclaims"


def test_the_environment_restricts_what_is_loaded(install, monkeypatch):
    install("good", GOOD)
    install("other", GOOD.replace('"good"', '"other"'))
    monkeypatch.setenv("RECCLAIMS_PLUGINS", "other")
    assert "other" in load().encoders
    assert "good" not in load().encoders
    monkeypatch.setenv("RECCLAIMS_PLUGINS", "")
    assert "other" not in load().encoders


def test_an_unknown_name_shows_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown encoder 'sbrt'; did you mean 'sbert'") as caught:
        load().find("encoders", "sbrt")
    assert "\n" not in str(caught.value)


def test_the_hook_marker_is_the_projects():
    assert hookimpl.project_name == "recclaims"
