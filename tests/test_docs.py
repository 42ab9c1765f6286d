"""What the documentation shows is what the program does."""

import argparse
import dataclasses
import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml

from recclaims import EncoderSpec, NotAvailableError, PrepareRequest
from recclaims.cli.program import parser
from recclaims.data.preparation import Preparable
from recclaims.data.reference import open_source
from recclaims.features.spec import EncoderMethods
from recclaims.plugin_manager import registry

from . import warm
from .test_pytest_face import Session
from .toy import COLOURS, write_toy

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "plugins").glob("**/*.md")),
]
#: Before what takes as many processes as there are cores: one is enough to see that it runs.
ONE_CORE = "import os\n\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")


def test_the_contract_of_the_documentation_passes(tmp_path):
    encoder, declaring, _, contract, *_ = re.findall(
        r"```python\n(.*?)```", (DOCS / "write-an-encoder.md").read_text(), re.DOTALL
    )
    (tmp_path / "title_words.py").write_text(encoder)
    (tmp_path / "test_title_words.py").write_text(contract)
    (tmp_path / "word_list.py").write_text(declaring)
    (tmp_path / "words.txt").write_text("cup\nRed\n")
    (tmp_path / "test_word_list.py").write_text(WORD_LIST)
    assert re.match(r"14 passed", _contract(tmp_path, _absolute(), tmp_path))


#: What the page says of the encoder that declares.
WORD_LIST = """
import recclaims
from recclaims.features.extraction import extract
from recclaims.features.resolve import make_encoder, why_unavailable
from recclaims.features.shown import shown_name
from recclaims.features.spec import spec_of
from recclaims.plugin_manager import Registry
from word_list import WordList, recclaims_encoders

ITEMS = [recclaims.Item("a", "Red cup"), recclaims.Item("b", "Blue hat"), recclaims.Item("c", "cup")]
KNOWN = Registry(encoders={one.name: one for one in recclaims_encoders()})

def test_rows_are_sets_and_what_is_not_covered_is_empty():
    encoder = make_encoder("word-list:words.txt", KNOWN)
    assert extract(encoder, ITEMS).matrix.tolist() == [[1, 1], [0, 0], [1, 0]]
    assert spec_of(encoder).representation == "sets"

def test_it_is_shown_without_its_folder(tmp_path):
    (tmp_path / "mine.txt").write_text("cup")
    assert shown_name(make_encoder(f"word-list:{tmp_path}/mine.txt", KNOWN)).startswith("word-list:mine.txt:")

def test_without_a_file_it_says_so():
    assert why_unavailable(make_encoder("word-list", KNOWN)) == "word-list needs a file: word-list:PATH"
    assert spec_of(WordList).on_request
"""


def test_the_page_on_encoders_says_all_that_one_can_declare():
    text = (DOCS / "write-an-encoder.md").read_text()
    for kind, lead in ((EncoderSpec, "field of the spec"), (EncoderMethods, "method")):
        table = text.partition(f"| {lead} |")[2].partition("\n\n")[0]
        named = re.findall(r"^\| `(\w+)", table, re.MULTILINE)
        assert set(named) == {field.name for field in dataclasses.fields(kind)}


def test_the_notebook_s_lines_judge_arrays(tmp_path):
    """As they stand on the page, on files of toy data."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "notebook.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 15
    toy = write_toy(tmp_path / "toy")
    (tmp_path / "interactions.csv").write_text((toy / "interactions.csv").read_text())
    rows = [json.loads(line) for line in (toy / "items.jsonl").read_text().splitlines()]
    (tmp_path / "items.csv").write_text("item_id,title\n" + "".join(f"{r['item_id']},{r['title']}\n" for r in rows))
    np.save(tmp_path / "clip.npy", np.eye(len(COLOURS), dtype=np.float32)[np.arange(len(rows)) % len(COLOURS)])
    (tmp_path / "judge.py").write_text(ONE_CORE + code)
    said = _run(tmp_path, _absolute(), "judge")
    assert "content-knn-features:clip-permuted-my-shop" in said.splitlines()[-1]
    assert (tmp_path / "report" / "results.html").exists()


def test_the_first_verdict_is_asked_for_and_read_as_its_page_shows(tmp_path):
    """On toy data, which is small; the page's own is judged with the baseline of the suite."""
    page = (DOCS / "first-verdict.md").read_text()
    (asked, _) = [shlex.split(rest) for program, rest in commands(page) if program == "pytest" and "suite" in rest]
    session = Session(tmp_path)
    session(*asked[1:])
    assert {case["control"] for case in session.results["claims"]} == {"permuted", "gaussian", "twin"}
    (tmp_path / "reports").mkdir()
    session.report.rename(tmp_path / "reports" / "latest")
    (tmp_path / "reading.py").write_text(*_python("first-verdict.md"))
    assert _run(tmp_path, _absolute(), "reading").startswith("freedom ")


def _absolute():
    """The environment, its PYTHONPATH readable from any folder."""
    paths = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def commands(text):
    """Every command line that a page shows: in a block, or between backquotes."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"(?:^    .*\n?)+", text, re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    for line in lines:
        for part in re.split(r"&&|;|\s--\s(?=python)", line.split("  # ")[0].split("  #")[0]):
            found = re.search(r"(?:^|\s)(recclaims|pytest)(\s.*|$)", part)
            if found and not part.strip().startswith(("uses:", "path:", "name:", "key:")):
                yield found[1], found[2].strip()


def subcommands():
    """The parser of every subcommand, by its name."""
    (action,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return action.choices


@pytest.fixture(scope="module")
def pytest_options():
    """Every option that pytest knows with recclaims installed, as its help names them."""
    return set(OPTION.findall(_run(ROOT, None, "pytest", "--help", "-p", "no:cacheprovider")))


SHOWN = [
    pytest.param(program, rest, id=f"{page.name}: {program} {rest}")
    for page in PAGES
    for program, rest in dict.fromkeys(commands(page.read_text()))
]


def test_the_pages_show_commands():
    shown = {(one.values[0], *one.values[1].split()[:1]) for one in SHOWN}
    assert {("pytest", "suite"), ("recclaims", "doctor"), ("recclaims", "compare")} <= shown
    assert len(SHOWN) > 20


@pytest.mark.parametrize(("program", "rest"), SHOWN)
def test_a_command_that_is_shown_exists(program, rest, pytest_options):
    if program == "pytest":
        unknown = set(OPTION.findall(rest)) - pytest_options
        assert not unknown
        return
    words = shlex.split(rest)
    names = re.findall(r"[\w-]+", words[0]) if words and "|" in rest else words[:1]
    if "|" in rest:  # `recclaims plugins | encode | report`
        names = [name.strip() for name in rest.split("|")]
    parsers = subcommands()
    for name in names:
        assert name in parsers or name.startswith("--")
    known = {option for name in names if name in parsers for option in parsers[name]._option_string_actions}
    known |= set(parser()._option_string_actions)
    assert set(OPTION.findall(rest)) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_option_that_is_named_exists(page, pytest_options):
    named = set(re.findall(r"--claims-[a-z-]*[a-z]", page.read_text()))
    assert named <= pytest_options


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("x `pytest suite --claims-dat y` z", [("pytest", "suite --claims-dat y")]),
        ("x\n\n    recclaims report --nothing   # why\n", [("recclaims", "report --nothing")]),
        ("```yaml\n- run: python -m pytest suite --claims-x 1\n```\n", [("pytest", "suite --claims-x 1")]),
        ("the package `recclaims.suite`, `import recclaims` of recclaims", []),
        ("    a && . b && pytest suite\n", [("pytest", "suite")]),
    ],
)
def test_commands_are_found(page, found):
    shown = [(program, rest) for program, rest in commands(page) if rest]
    assert shown == found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_workflow_to_copy_is_a_workflow():
    text = re.search(r"```yaml\n(.*?)```", (DOCS / "ci.md").read_text(), re.DOTALL)[1]
    workflow = yaml.safe_load(text)
    (job,) = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert any("--claims-baseline" in run for run in runs)
    assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    # What was trained is kept where a claim fails, too: of a step that may fail, `actions/cache` would keep nothing.
    uses = {step["uses"].partition("@")[0]: step for step in job["steps"] if "uses" in step}
    assert uses["actions/cache/save"]["if"] == "always()"
    assert uses["actions/cache/save"]["with"]["key"] == uses["actions/cache/restore"]["with"]["key"]
    assert True in workflow  # YAML 1.1 reads the key `on` so


def _python(page):
    """The blocks of Python on a page."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def _run(place, environment, module, *arguments):
    """Run `python -m module` in a folder; its output, where it succeeds."""
    done = warm.run(module, *arguments, cwd=place, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _contract(place, environment, module):
    """What pytest says of a module of tests, on one line."""
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--rootdir", place, module]
    return _run(place, environment, "pytest", *arguments).strip().splitlines()[-1]


def _installed(page, module, site, block=0):
    """Write the code of a page and its entry point as pip would leave them; give the environment that finds them."""
    text = (DOCS / page).read_text()
    code = _python(page)[block]
    entry_point = re.search(r"```toml\n\[project\.entry-points\.recclaims\]\n(.*?)```", text, re.DOTALL)[1]
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[recclaims]\n" + entry_point.replace('"', ""))
    path = os.pathsep.join([str(site), *filter(None, [_absolute()["PYTHONPATH"]])])
    return {**os.environ, "PYTHONPATH": path}


def test_the_control_of_the_documentation_joins_and_passes(tmp_path):
    environment = _installed("write-a-control.md", "shuffled_control", tmp_path / "site")
    session = Session(tmp_path)
    session("-k", "content-knn and attributes", "-m", "noise", env=environment)
    verdicts = {case["control"]: case["verdict"] for case in session.results["claims"]}
    assert set(verdicts) == {"permuted", "gaussian", "shuffled"}
    assert verdicts["shuffled"] in {"supported", "inconclusive", "no_difference", "contradicted"}
    _, contract = re.findall(r"```python\n(.*?)```", (DOCS / "write-a-control.md").read_text(), re.DOTALL)
    (tmp_path / "test_shuffled.py").write_text(contract)
    assert re.match(r"6 passed, 1 skipped", _contract(tmp_path, environment, "test_shuffled.py"))


def test_the_encoder_of_the_documentation_joins(tmp_path):
    environment = _installed("write-an-encoder.md", "title_words", tmp_path / "site")
    session = Session(tmp_path)
    collected = session("--collect-only", "-q", "-k", "title-words", env=environment, code=0)
    assert "freedom-title-words-permuted-toy" in collected
    session("-k", "content-knn-title-words-permuted", env=environment)
    assert session.results["claims"][0]["verdict"] in {"supported", "inconclusive", "no_difference", "contradicted"}
    assert session.results["encoders"][0]["dimension"] == 2


JUDGED = {"supported", "inconclusive", "no_difference", "contradicted"}


def test_the_claim_of_the_documentation_is_judged_by_pytest_and_in_a_program(tmp_path):
    environment = _installed("write-a-claim.md", "popularity_claim", tmp_path / "site")
    session = Session(tmp_path)
    session("-m", "beats-popularity", env=environment)
    (case,) = session.results["claims"]
    assert (case["claim"], case["case"]) == ("beats-popularity", "content-knn-attributes-mostpop-toy")
    assert case["verdict"] == "supported"
    _, program = _python("write-a-claim.md")
    write_toy(tmp_path / "path" / "to" / "folder")
    (tmp_path / "judge.py").write_text(ONE_CORE + program)
    # No entry point: the module is all that the program needs.
    (tmp_path / "popularity_claim.py").write_text((tmp_path / "site" / "popularity_claim.py").read_text())
    said = _run(tmp_path, _absolute(), "judge")
    assert said.splitlines()[-1] == str({case["case"]: case["verdict"]})


def test_the_recommenders_of_the_documentation_join_and_pass(tmp_path):
    environment = _installed("write-a-recommender.md", "linear_recommenders", tmp_path / "site", block=1)
    model, _, contract, *_ = _python("write-a-recommender.md")
    (tmp_path / "site" / "linear_content.py").write_text(model)
    session = Session(tmp_path)
    session("-m", "noise or content", "-k", "linear-content-attributes", env=environment)
    verdicts = {case["control"]: case["verdict"] for case in session.results["claims"]}
    assert set(verdicts) == {"permuted", "gaussian", "twin"}
    assert set(verdicts.values()) <= JUDGED
    (tmp_path / "test_linear.py").write_text(contract)
    assert re.match(r"1\d passed, \d skipped in", _contract(tmp_path, environment, "test_linear.py"))


def test_a_recommender_of_recbole_is_there_to_compare_with(tmp_path):
    environment = _installed("write-a-recommender.md", "linear_recommenders", tmp_path, block=1)
    data = write_toy(tmp_path / "data")
    program = f"""
import recclaims
claim = recclaims.Claim("c", 1, "Better.", "a test", controls=("enmf",), recommenders=("content-knn",),
    encoders=("attributes",))
results = recclaims.evaluate({str(data)!r}, claims=claim, profile="smoke", workers=0, replicates=2)
print(*[(one.control, str(one.verdict)) for one in results.verdicts])
"""
    (tmp_path / "judge.py").write_text(program)
    said = _run(tmp_path, environment, "judge").splitlines()[-1]
    assert said in {str(("enmf", verdict)) for verdict in JUDGED}


def test_the_dataset_of_the_documentation_is_prepared_from_raw_files(tmp_path, monkeypatch):
    names = {}
    exec(_python("write-a-dataset.md")[-1], names)  # noqa: S102 - our own documentation
    monkeypatch.setenv("RECCLAIMS_DATA_DIR", str(tmp_path / "data"))
    source = names["Letters"]()
    with pytest.raises(NotAvailableError, match="recclaims prepare letters"):
        source.load()
    (tmp_path / "words.txt").write_text("data date")
    request = PrepareRequest(tmp_path, tmp_path / "data")
    assert isinstance(source, Preparable)
    assert source.prepare(request).rows == (("words read", 2), ("letters kept", 4))
    assert source.prepare(request).already
    dataset = source.load()
    assert [item.attributes["vowel"] for item in dataset.items] == [("yes",), ("no",), ("yes",), ("no",)]
    assert len(dataset.interactions) == 3 + 4


def test_the_datasets_of_the_documentation_are_judged(tmp_path):
    folder, program, source, contract, _ = (
        re.findall(r"```(?:json|text)\n(.*?)```", (DOCS / "write-a-dataset.md").read_text(), re.DOTALL),
        *_python("write-a-dataset.md"),
    )
    place = tmp_path / "shop"
    place.mkdir()
    for name, content in zip(("items.jsonl", "interactions.csv"), folder, strict=True):
        (place / name).write_text(content)
    shop = open_source(str(place), registry()).load()
    assert [item.attributes["material"] for item in shop.items] == [("stoneware",), ("tin",)]
    assert len(shop.interactions) == 3
    (tmp_path / "shelf.py").write_text(program)
    assert "content-knn-attributes-permuted-shelf" in _run(tmp_path, _absolute(), "shelf")
    environment = _installed("write-a-dataset.md", "library_dataset", tmp_path / "site", block=1)
    assert (tmp_path / "site" / "library_dataset.py").read_text() == source
    (tmp_path / "test_library.py").write_text(contract)
    assert re.match(r"\d+ passed", _contract(tmp_path, environment, "test_library.py"))
    session = Session(tmp_path)
    data = "library?readers=150&split=random"
    session("-m", "noise", "-k", "content-knn-attributes-permuted", env=environment, data=data)
    (case,) = session.results["claims"]
    assert case["verdict"] == "supported"
    assert case["dataset"].startswith("library-150")
