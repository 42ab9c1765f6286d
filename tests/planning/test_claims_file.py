"""Claims in a file: what it says becomes cases, and what cannot be meant is one line that says what to write."""

import pytest

from recclaims._model.arm import Arm
from recclaims._model.claim import Claim
from recclaims._model.reads import Reads
from recclaims.errors import RecclaimsError
from recclaims.planning.case import cases
from recclaims.planning.claims_file import file_of, with_file, with_project
from recclaims.planning.planner import Planner
from recclaims.plugin_manager import load

OURS = """
[[claim]]
id = "ours"
statement = "Ours beats sbert by 5 %."
treatment = { encoder = "attributes" }
control = { encoder = "sbert" }
recommenders = ["freedom", "vbpr"]
metric = "ndcg@10"
at_least = 0.05
"""


@pytest.fixture(scope="module")
def registry():
    return load()


@pytest.fixture
def read(registry, tmp_path):
    """The registry with what a text says."""

    def made(text):
        path = tmp_path / "claims.toml"
        path.write_text(text)
        return with_file(registry, path)

    return made


class Source:
    name = "toy"
    modalities = frozenset({"visual", "textual", "attributes"})


def found(registry, claim="ours", encoders=(), source=Source):
    return list(cases(registry.claims[claim], "emoji", source(), registry, encoders))


def test_a_file_says_what_a_claim_says(read, tmp_path, registry):
    known = read(OURS)
    assert known.claims["ours"] == Claim(
        "ours",
        1,
        "Ours beats sbert by 5 %.",
        "claims.toml",
        treatment=Reads("attributes"),
        control=(Reads("sbert"),),
        recommenders=("freedom", "vbpr"),
        metric="ndcg@10",
        at_least=0.05,
    )
    assert file_of(known.claims["ours"], known) == str(tmp_path / "claims.toml")
    assert file_of(known.claims["noise"], known) is None
    assert "ours" not in registry.claims


def test_its_cases_are_those_that_it_names(read):
    made = found(read(OURS))
    assert [case.id for case in made] == ["vbpr-attributes-sbert-toy", "freedom-attributes-sbert-toy"]
    assert made[0].arms == (Arm("vbpr", "attributes"), Arm("vbpr", "sbert"))
    # What it names does not depend on what else was asked for.
    assert found(read(OURS), encoders=["late_fusion"]) == made


ARMS = [
    ('treatment = { encoder = "sbert" }\ncontrol = { twin = "twin" }', "vbpr-sbert-twin", Arm("vbpr", twin="twin")),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { noise = "permuted" }',
        "vbpr-sbert-permuted",
        Arm("vbpr", "sbert", "permuted"),
    ),
    (
        'treatment = { encoder = "sbert", noise = "gaussian" }\ncontrol = { noise = "permuted" }',
        "vbpr-sbert/gaussian-permuted",
        Arm("vbpr", "sbert", "permuted"),
    ),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { encoder = "attributes", noise = "permuted" }',
        "vbpr-sbert-attributes/permuted",
        Arm("vbpr", "attributes", "permuted"),
    ),
    (
        'treatment = { encoder = "sbert", imputation = "propagated" }\ncontrol = { imputation = "dropped" }',
        "vbpr-sbert/propagated-dropped",
        Arm("vbpr", "sbert", imputation="dropped"),
    ),
    (
        'treatment = { encoder = "sbert", imputation = "zero" }\ncontrol = { noise = "permuted", imputation = "zero" }',
        "vbpr-sbert/zero-zero/permuted",
        Arm("vbpr", "sbert", "permuted", imputation="zero"),
    ),
    ('treatment = { encoder = "sbert" }\ncontrol = { recommender = "bpr" }', "vbpr-sbert-bpr", Arm("bpr")),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { recommender = "bm3" }',
        "vbpr-sbert-bm3",
        Arm("bm3", "sbert"),
    ),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { recommender = "bm3", encoder = "attributes" }',
        "vbpr-sbert-bm3/attributes",
        Arm("bm3", "attributes"),
    ),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { dataset = "dose=0&seed=2" }',
        "vbpr-sbert-dose0-seed2",
        Arm("vbpr", "sbert", dataset="emoji?dose=0&seed=2"),
    ),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { encoders = ["efficientnet-lite0", "sbert"] }',
        "vbpr-sbert-late_fusion:efficientnet-lite0+sbert",
        Arm("vbpr", "late_fusion:efficientnet-lite0+sbert"),
    ),
    (
        'treatment = { encoder = "sbert" }\ncontrol = { fusion = "late_fusion-pca", encoders = ["resnet50", "sbert"] }',
        "vbpr-sbert-late_fusion-pca:resnet50+sbert",
        Arm("vbpr", "late_fusion-pca:resnet50+sbert"),
    ),
]


@pytest.mark.parametrize(("arms", "name", "control"), ARMS)
def test_an_arm_is_what_it_reads(read, arms, name, control):
    known = read(f'[[claim]]\nid = "ours"\nstatement = "So."\nrecommenders = ["vbpr"]\n{arms}\n')
    (case,) = found(known)
    assert (case.id, case.arms[1]) == (f"{name}-toy", control)


def test_what_reads_nothing_can_be_the_treatment(read):
    text = '[[claim]]\nid = "ours"\nstatement = "So."\nrecommenders = ["vbpr"]\ncontrol = { encoder = "sbert" }\n'
    (classical,) = found(read(text + 'treatment = { recommender = "bpr" }\n'))
    assert (classical.id, classical.arms) == ("vbpr-bpr-sbert-toy", (Arm("bpr"), Arm("vbpr", "sbert")))
    (twin,) = found(read(text + 'treatment = { twin = "twin" }\n'))
    assert (twin.id, twin.arms) == ("vbpr-twin-sbert-toy", (Arm("vbpr", twin="twin"), Arm("vbpr", "sbert")))


def test_several_controls_are_several_cases(read):
    known = read(
        OURS.replace('control = { encoder = "sbert" }', 'control = [{ encoder = "sbert" }, { twin = "twin" }]')
    )
    assert [case.control for case in found(known)] == ["sbert", "twin", "sbert", "twin"]


MODALITIES = """
[[claim]]
id = "ours"
statement = "So."
recommenders = ["vbpr"]
treatment = { modality = "textual" }
control = { modality = "multimodal" }
"""


def test_of_modalities_those_are_compared_of_which_one_is_a_part_of_the_other(read):
    known = read(MODALITIES)
    assert [case.id for case in found(known)] == ["vbpr-sbert-late_fusion-toy"]
    asked = ["sbert", "attributes", "late_fusion:resnet50+attributes", "late_fusion:resnet50+efficientnet-lite0"]
    # Attributes are of no modality that a fusion changes: they are textual, and a part like any other.
    assert [case.control for case in found(known, encoders=asked)] == ["late_fusion:resnet50+attributes"]


def test_an_encoder_that_the_data_cannot_feed_is_a_reason_and_no_case(read):
    class Blind(Source):
        modalities = frozenset({"textual"})

    known = read(OURS.replace('"attributes"', '"resnet50"'))
    assert found(known, source=Blind) == []
    assert "that can read resnet50, sbert" in Planner(["toy"], known).why_none(known.claims["ours"])


WRONG = [
    ("", "has no claim; write [[claim]] above each"),
    ("[claims]\n", "unknown table 'claims'; did you mean 'claim'? known: claim"),
    ('[claim]\nid = "ours"\n', "has no claim; write [[claim]] above each"),
    ('[[claim]]\nstatement = "So."\n', "claim[0]: id is missing"),
    (OURS + OURS, "claim 'ours' is there twice; give each its own id"),
    (OURS.replace('"ours"', '"two words"'), "claim 'two words': its id cannot be a marker; use another word"),
    (OURS.replace('"ours"', '"skip"'), "claim 'skip': its id cannot be a marker; use another word"),
    (OURS.replace('"ours"', '"noise"'), "claim 'noise': recclaims already has a claim of that id; choose another"),
    (OURS.replace("at_least", "atleast"), "claim 'ours': unknown key 'atleast'; did you mean 'at_least'?"),
    (OURS.replace("0.05", '"5 %"'), "claim 'ours': at_least is '5 %', not a number; write 0.02 for 2 %"),
    (OURS.replace("ndcg@10", "ndgc@10"), "claim 'ours': unknown metric 'ndgc@10'; did you mean 'ndcg@10'?"),
    (OURS.replace('"freedom"', '"fredom"'), "claim 'ours': unknown recommender 'fredom'; did you mean 'freedom'?"),
    (OURS.replace("{ encoder", "{ encodr", 1), "treatment: unknown key 'encodr'; did you mean 'encoder'?"),
    (OURS.replace('"sbert"', '"sbret"'), "control: unknown encoder 'sbret'; did you mean 'sbert'?"),
    (OURS.replace('{ encoder = "sbert" }', '"sbert"'), "control is 'sbert', not a table; write { encoder"),
    (OURS.replace('"sbert"', "7"), "control[0].encoder is 7, not a string; write { encoder"),
    (OURS.replace('{ encoder = "sbert" }', "{}"), "control says nothing; write { encoder"),
    (OURS.replace('encoder = "sbert"', 'twin = "twn"'), "control: unknown twin 'twn'; did you mean 'twin'?"),
    (OURS.replace('encoder = "sbert"', 'noise = "permutted"'), "unknown control 'permutted'; did you mean 'permuted'?"),
    (OURS.replace('encoder = "sbert"', 'modality = "text"'), "unknown modality 'text'; did you mean 'text"),
    (OURS.replace('encoder = "sbert"', 'imputation = "zeros"'), "unknown imputation 'zeros'; did you mean 'zero'?"),
    (OURS.replace('"sbert" }', '"sbert", imputation = "dropped", noise = "permuted" }'), "control has both imputation"),
    (OURS.replace('encoder = "sbert"', 'fusion = "late"'), "control: unknown fusion 'late'"),
    (OURS.replace('"sbert" }', '"sbert", twin = "twin" }'), "control has both twin and encoder: a twin reads no"),
    (OURS.replace('"sbert" }', '"sbert", modality = "visual" }'), "has both a modality and the encoder 'sbert'"),
    (OURS.replace('control = { encoder = "sbert" }\n', ""), "it compares with nothing; write control = { encoder"),
    (OURS + 'controls = ["twin"]\n', "claim 'ours': it has both control and controls; write one of them"),
    (OURS + 'encoders = ["sbert"]\n', "claim 'ours': it has both treatment and encoders; write one of them"),
    (OURS + "items = { train_at_most = -1 }\n", "items.train_at_most is -1, not a number from 0; write"),
    (OURS + "items = { train_atmost = 5 }\n", "items: unknown key 'train_atmost'; did you mean 'train_at_most'?"),
    (OURS + "items = {}\n", "items says nothing; write { train_at_most = 5 }"),
    (OURS + 'items = { popularity = "tial" }\n', "unknown popularity 'tial'; did you mean 'tail'?"),
    (OURS + 'items = { having = "image" }\n', "unknown content 'image'; known: answers, attributes"),
    (OURS + "items = 5\n", "items is 5, not a table; write { train_at_most = 5 }"),
    (OURS + "users = { train_at_most = 2, train_at_least = 3 }\n", "users has train_at_least = 3 above"),
    (
        OURS.replace("ndcg", "aplt") + "items = { train_at_most = 5 }\n",
        "aplt@10 describes whole lists, which items do not narrow; leave out items, or write users",
    ),
    (OURS + "planted = true\n", "claim 'ours': planted is for the suite's own claim; leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_cannot_be_meant_is_one_line(read, tmp_path, text, message):
    with pytest.raises(RecclaimsError) as refused:
        read(text)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / 'claims.toml'}: ")
    assert message in said


def test_a_parameter_that_the_dataset_lacks_is_named_with_the_nearest(read):
    known = read(OURS.replace('encoder = "sbert"', 'dataset = "dos=0"'))
    with pytest.raises(RecclaimsError, match=r"emoji\?dos=0: unknown key 'dos'; did you mean 'dose'\?"):
        found(known)


def test_a_project_brings_its_claims(registry, tmp_path):
    assert with_project(registry, tmp_path) is registry
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "shop"\n')
    assert with_project(registry, tmp_path) is registry
    project.write_text(project.read_text() + OURS.replace("[[claim]]", "[[tool.recclaims.claim]]"))
    assert with_project(registry, tmp_path).claims["ours"].source == "pyproject.toml"
    project.write_text("[tool]\nrecclaims = 1\n")
    with pytest.raises(RecclaimsError, match=r"tool.recclaims is no table; write \[\[tool.recclaims.claim\]\]"):
        with_project(registry, tmp_path)


def test_two_files_may_not_have_one_claim(read, tmp_path):
    known = read(OURS)
    other = tmp_path / "other.toml"
    other.write_text(OURS)
    with pytest.raises(RecclaimsError, match=r"other.toml: claim 'ours': .*claims.toml already has a claim of that id"):
        with_file(known, other)
