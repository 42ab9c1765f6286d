"""The program as a person runs it: `pytest suite ...` in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from recclaims._pytest.options import what_computes

from . import warm
from .toy import COLOURS, N_ITEMS, N_USERS, write_toy

ROOT = Path(__file__).parents[1]


class Session:
    """Runs the suite on toy data with a store and a report of its own."""

    def __init__(self, place):
        self.place = place
        self.data = write_toy(place / "data")
        self.report = place / "report"

    def command(self, *arguments, data=None, path="suite"):
        """What follows `python -m pytest`."""
        # Hypothesis's plugin imports all of it at the end of every session.
        command = [path, "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        command += [
            "--claims-data",
            str(data or self.data),
            "--claims-profile",
            "smoke",
            "--claims-workers",
            "0",
        ]
        return [
            *command,
            "--claims-store",
            str(self.place / "store"),
            "--claims-report",
            str(self.report),
            *(["-m", "not controls"] if path == "suite" and "-m" not in arguments else []),
            *arguments,
        ]

    def __call__(self, *arguments, code=None, data=None, env=None, path="suite"):
        done = warm.run("pytest", *self.command(*arguments, data=data, path=path), env=env)
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def results(self):
        return json.loads((self.report / "results.json").read_text())


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("session"))


@pytest.fixture(scope="module")
def first(session):
    """The output of the first run, in which everything is computed."""
    output = session("-k", "content-knn-attributes")
    session.first_results = session.results
    return output


def test_planted_content_is_found(session, first):
    verdicts = {case["case"]: case["verdict"] for case in session.results["claims"]}
    assert verdicts == {
        "content-knn-attributes-permuted-toy": "supported",
        "content-knn-attributes-gaussian-toy": "supported",
    }
    assert "2 passed" in first


def test_the_document_says_what_was_claimed_and_what_the_data_was_asked_for_by(session, first):
    said = session.first_results["statements"]["noise"]
    assert said["statement"] == "Real features beat noise of the same shape."
    assert (said["direction"], said["equivalence"]) == ("greater", False)
    assert session.first_results["references"] == {"toy": "path/to/data"}


def test_every_reporter_writes_its_file(session, first):
    names = {"results.json", "results.md", "results.html", "results.tex", "claims.csv", "cells.csv", "per_user.parquet"}
    names |= {"methods.tex", "methods.bib"}
    assert {path.name for path in session.report.iterdir()} == names
    assert "content-knn-attributes-permuted-toy" in (session.report / "results.html").read_text()
    n_cells = len(session.first_results["cells"])
    assert len((session.report / "cells.csv").read_text().splitlines()) == n_cells + 1


def test_github_is_told_of_a_run_and_of_what_got_worse(session, first, tmp_path):
    summary, baseline = tmp_path / "summary.md", tmp_path / "baseline.json"
    told = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    earlier = json.loads(json.dumps(session.first_results))
    earlier["claims"][1]["ci"] = [0.9, 1.1]
    baseline.write_text(json.dumps(earlier))
    options = ("-k", "content-knn-attributes-gaussian", "--claims-baseline", str(baseline))
    apart = ("--claims-report", str(tmp_path / "report"))  # the other tests read the first run's
    output = session(*options, *apart, env=told, code=1)
    errors = [line for line in output.splitlines() if line.startswith("::")]
    assert len(errors) == 1  # the case that was not selected is not gone
    assert errors[0].startswith("::error title=noise%3A content-knn-attributes-gaussian-toy::effect fell to")
    assert "1 case compared, 1 changed, 1 worse." in summary.read_text()


def test_the_terminal_ends_with_the_answer(session, first):
    assert re.search(r"toy: 150 users, 48 items, 1,800 interactions \(density 25\.00 %\)", first)
    assert "noise: Real features beat noise of the same shape." in first
    assert "content: twin" in first  # the families stand side by side, even where one was not selected
    assert re.search(r"content-knn +attributes +● \+[\d.]+ \[\+[\d.]+,\+[\d.]+\] +- ", first)
    ends = first[first.index("In short") :].splitlines()
    assert ends[1].startswith("  content-knn uses attributes on toy: +")
    *_, cases, cells, report, _counts = [line for line in ends if line]
    assert cases == "2 cases: 2 supported."
    assert re.fullmatch(r"\d+ cells: \d+ trained, 0 from the store\.", cells)
    assert report == f"Report: {session.report}/results.html"
    assert "Exit code 0: every claim held" in first
    assert "benchmark 'noise'" not in first


def test_q_is_headlines_and_counts_and_v_is_every_case(session, first, tmp_path):
    apart = ("-k", "content-knn-attributes", "--claims-report", str(tmp_path))  # other tests read the first run's
    quiet, verbose = (session(*apart, option, code=0) for option in ("-q", "-v"))
    told = quiet[quiet.index("In short") :].splitlines()
    assert [line.split(":")[0] for line in told if line and not line.startswith("    ")][:2] == [
        "In short",
        "  content-knn uses attributes on toy",
    ]
    assert "Side by side" not in quiet
    assert "Exit code" not in quiet
    assert "2 cases: 2 supported." in quiet
    name = "  content-knn-attributes-permuted-toy\n"
    assert name not in first
    (values,) = re.findall(f"{name}    (.*)", verbose)
    assert re.match(r"0\.\d{4} against 0\.\d{4}, \+[\d.]+ % \[.*\]: supported; p", values)


def test_what_is_printed_fits_100_columns_and_has_colours_where_they_are_asked_for(session, first, tmp_path):
    apart = ("-k", "content-knn-attributes", "--claims-report", str(tmp_path))
    plain = session(*apart, "-v", code=0)
    mine = plain[plain.index("= recclaims =") :].splitlines()[1:]
    assert max(len(line) for line in mine if not line.startswith(("Report:", "  To go on:"))) <= 100
    assert "\x1b[" not in plain
    assert "\x1b[32m● +" in session(*apart, "--color=yes", code=0)


@pytest.mark.parametrize("option", ["--claims-timings", "--benchmark-columns=min,max"])
def test_timings_are_shown_to_whoever_asks_for_them(session, first, option, tmp_path):
    apart = ("-k", "content-knn-attributes-permuted", "--claims-report", str(tmp_path))
    assert "benchmark 'noise'" in session(*apart, option, code=0)


def test_a_claim_without_a_case_is_told_with_what_it_needs(session, first):
    output = session("-m", "fusion or stability", code=0)
    told = " ".join(output[output.index("Not run") :].split())
    assert re.match(r"Not run fusion, stability: no case on \S+: it needs a vision-language model, --claims-enc", told)


def test_results_json_keeps_the_contract(session, first):
    results = session.first_results
    assert results["schema"] == 2
    assert results["profile"] == "smoke"
    assert {"versions", "cpu", "gpu", "commit"} <= set(results["environment"])
    claim_keys = {
        "claim", "version", "case", "dataset", "recommender", "treatment", "control", "metric", "treatment_mean",
        "control_mean", "effect", "relative_effect", "ci", "p_value", "p_adjusted", "margin", "verdict", "reason",
        "n_users", "n_seeds", "seconds",
    }  # fmt: skip
    assert all(claim_keys <= set(case) for case in results["claims"])
    cell_keys = {
        "dataset",
        "features",
        "recommender",
        "seed",
        "metrics",
        "epochs",
        "seconds",
        "peak_mb",
        "key",
    }
    assert all(cell_keys <= set(cell) for cell in results["cells"])
    encoder_keys = {
        "encoder",
        "dataset",
        "items",
        "dimension",
        "items_per_second",
        "zero_rows",
        "duplicate_rows",
    }
    assert all(encoder_keys <= set(encoder) for encoder in results["encoders"])
    (encoder,) = results["encoders"]
    assert (encoder["items"], encoder["dimension"]) == (N_ITEMS, len(COLOURS))
    assert encoder["duplicate_rows"] == N_ITEMS - len(COLOURS)
    assert {cell["features"] for cell in results["cells"]} == {
        "attributes", "attributes/permuted", "attributes/gaussian", "none",
    }  # fmt: skip


def test_the_statistics_can_be_redone_from_what_lies_beside(session, first):
    frame = pl.read_parquet(session.report / "per_user.parquet")
    case = session.results["claims"][0]
    means = (
        frame.filter(pl.col("recommender") == "content-knn")
        .group_by("features", "seed")
        .agg(pl.col("smooth_recall").mean())
        .group_by("features")
        .agg(pl.col("smooth_recall").mean())
    )
    means = dict(means.iter_rows())
    assert means["attributes"] == pytest.approx(case["treatment_mean"], abs=1e-12)
    assert means["attributes/permuted"] == pytest.approx(case["control_mean"], abs=1e-12)
    assert frame["user"].max() < N_USERS


def test_the_page_has_the_same_verdicts(session, first):
    page = (session.report / "results.md").read_text()
    assert "# Verdicts" in page
    assert page.count("content-knn-attributes-permuted-toy") == 1
    assert "2 supported" in page


def test_a_second_run_recomputes_nothing_and_says_the_same(session, first):
    before = session.results
    output = session("-k", "content-knn-attributes", code=0)
    assert re.search(r"\d+ cells: 0 trained, \d+ from the store", output)
    after = session.results
    assert after["claims"] == before["claims"]
    assert after["cells"] == before["cells"]


def test_never_computes_all_again(session, first):
    output = session("-k", "content-knn-attributes-permuted", "--claims-reuse", "never")
    assert re.search(r"[1-9]\d* cells: [1-9]\d* trained, 0 from the store", output)


def test_always_computes_nothing(session, first):
    output = session("-k", "freedom-attributes-permuted", "--claims-reuse", "always", "-rs", code=0)
    assert "not in the store (--claims-reuse always)" in output
    assert "1 skipped" in output


def test_other_processes_give_the_same_bits(session, first, tmp_path):
    before = {cell["key"]: cell["metrics"] for cell in session.first_results["cells"]}
    again = Session(tmp_path)
    again("-k", "content-knn-attributes", "--claims-workers", "1")
    assert {cell["key"]: cell["metrics"] for cell in again.results["cells"]} == before


def test_benchmark_records_each_cells_training_time(session, first, tmp_path):
    path = tmp_path / "benchmark.json"
    session("-k", "content-knn-attributes-permuted", "--benchmark-json", str(path))
    (benchmark,) = json.loads(path.read_text())["benchmarks"]
    seconds = [cell["seconds"] for cell in benchmark["extra_info"]["cells"]]
    assert benchmark["stats"]["rounds"] == len(seconds) == 10
    assert benchmark["stats"]["max"] == pytest.approx(max(seconds), rel=1e-6)
    assert benchmark["extra_info"]["verdict"] == "supported"
    assert "recall@20" in benchmark["extra_info"]["cells"][0]["metrics"]


def test_junit_gets_the_verdicts_and_no_warning_fails_a_case(session, first, tmp_path):
    path = tmp_path / "junit.xml"
    for strict in ((), ("-W", "error")):
        session("-k", "content-knn-attributes", "--junitxml", str(path), *strict, code=0)
        assert path.read_text().count('<property name="verdict" value="supported"') == 2


@pytest.mark.parametrize(
    "options",
    ["-p no:benchmark -p no:junitxml", "--benchmark-cprofile=tottime --benchmark-compare", "-p no:terminalreporter"],
)
def test_options_of_other_plugins_do_not_decide_whether_cases_are_judged(session, first, options, tmp_path):
    report = tmp_path / "report"
    session("-k", "content-knn-attributes-permuted", *options.split(), "--claims-report", str(report), code=0)
    (case,) = json.loads((report / "results.json").read_text())["claims"]
    assert case["verdict"] == "supported"


def test_a_failure_without_a_verdict_is_no_finding(session, first):
    path = "tests/inner/unjudged.py"
    output = session("-k", "content-knn-attributes-permuted", path=path, code=1)
    assert "Exit code 1: 1 test failed for a reason other than a verdict" in output
    assert "a finding, not a fault" not in output


def test_a_case_has_its_data(session):
    output = session("-k", "vbpr-attributes", path="tests/inner/case_data.py", code=0)
    assert "2 passed" in output


def test_encoders_can_be_chosen_with_arguments(session):
    encoder = "late_fusion:attributes+sbert"
    collected = session("--collect-only", "-q", "--claims-encoder", encoder, "-m", "content", code=0)
    assert f"[freedom-{encoder}-twin-toy]" in collected
    assert "sbert-twin" not in collected.replace(encoder, "")


def test_markers_and_keywords_select(session):
    collected = session("--collect-only", "-q", "-m", "content", "-k", "freedom", code=0)
    assert "test_content.py::test_content_beats_the_feature_free_twin[freedom-attributes-twin-toy]" in collected
    assert "test_noise" not in collected
    assert "NOTSET" not in collected  # no plugin adds a claim here


BAD = {
    ("--claims-data", "ml-100"): "unknown dataset 'ml-100'; did you mean 'ml-100k'?",
    ("--claims-encoder", "sbrt"): "--claims-encoder: unknown encoder 'sbrt'; did you mean 'sbert'?",
    ("--claims-encoder", "late_fusion:sbert+atributes"): "unknown encoder 'atributes'; did you mean 'attributes'?",
    ("--claims-profile", "quik"): "unknown profile 'quik'; did you mean 'quick'?",
    ("--claims-hyperparameters", "no.toml"): "no.toml: no such file",
    ("--claims-seeds", "0"): "'0' is not a whole number from 1 to 10,000",
    ("--claims-workers", "-1"): "'-1' is not a whole number from 0 to 1,024",
    ("--claims-price-per-hour", "cheap"): "'cheap' is not a price",
    ("--claims-device", "cudda"): "unknown device 'cudda'; did you mean 'cuda'?",
    ("--claims-executor", "dusk"): "'dusk'",
    ("--claims-mask", "tran"): "invalid choice: 'tran'",
    ("--claims-baseline", "no.json"): "no.json: No such file or directory",
    ("--claims-update-baseline",): "--claims-update-baseline needs --claims-baseline FILE",
}


@pytest.mark.parametrize(("arguments", "message"), BAD.items(), ids=[" ".join(key) for key in BAD])
def test_bad_options_are_one_clear_line(session, arguments, message, tmp_path):
    output = session(
        "-k", "content-knn-attributes-permuted", *arguments, "--claims-report", str(tmp_path / "r"), code=4
    )
    assert len([line for line in output.splitlines() if message in line]) == 1, output
    assert "Traceback" not in output
    assert not (tmp_path / "r").exists()


def test_a_broken_dataset_is_one_clear_line_and_loses_nothing(session, first, tmp_path):
    data = write_toy(tmp_path / "data")
    with (data / "interactions.csv").open("a") as file:
        file.write("u1,i999,5,0\n")
    before = session.results
    output = session("-k", "content-knn-attributes-permuted", data=data, code=4)
    assert (
        "interactions.csv: 1 interactions have an item_id that is not in the catalogue: 'i999' (row 1801, nearest 'i9')"
        in output
    )
    assert "Traceback" not in output
    assert session.results == before


def test_a_baseline_fails_only_what_got_worse(session, first, tmp_path):
    path = tmp_path / "baseline.json"
    select = ("-k", "content-knn-attributes", "--claims-baseline", str(path))
    session(*select, "--claims-update-baseline", code=0)
    assert "judged against the baseline" in session(*select, code=0).lower()
    document = json.loads(path.read_text())
    # A finding that was there before is no regression ...
    document["claims"][0]["verdict"] = "contradicted"
    # ... and an effect that was larger before is one.
    document["claims"][1]["ci"] = [9.0, 9.5]
    path.write_text(json.dumps(document))
    output = session(*select, code=1)
    assert "1 failed, 1 passed" in output
    name = re.escape(f"[{document['claims'][1]['case']}]")
    assert re.search(
        rf"^FAILED suite/test_noise.py::\S+{name}\n  worse than the baseline: effect fell to", output, re.M
    )
    assert output.count("effect fell to") == 1


def test_a_case_that_cannot_be_run_any_more_is_worse_than_the_baseline(session, first, tmp_path):
    path = tmp_path / "baseline.json"
    select = ("-k", "content-knn-attributes", "--claims-baseline", str(path))
    session(*select, "--claims-update-baseline", code=0)
    output = session(*select, "--claims-reuse", "always", "--claims-store", str(tmp_path / "empty"), code=1)
    assert "worse than the baseline: verdict was supported, is not_run" in output
    assert "2 failed" in output


def test_ones_own_hyperparameters_are_used_and_said(session, first, tmp_path):
    (tmp_path / "mine.toml").write_text("[recommender.content-knn]\nk = 1\n")
    session("-k", "content-knn-attributes-permuted", "--claims-hyperparameters", str(tmp_path / "mine.toml"))
    tables = {"recommender": {"content-knn": {"k": 1}}}
    assert session.results["hyperparameters"] == {"file": "mine.toml", "tables": tables}
    assert "Profile smoke with mine.toml, 5 replicates" in (session.report / "results.md").read_text()
    before, now = (
        {c["key"] for c in document["cells"] if c["recommender"] == "content-knn"}
        for document in (session.first_results, session.results)
    )
    assert not before & now
    assert {c["key"] for c in session.results["cells"]} - now  # popularity has nothing to set


def test_two_datasets_of_one_name_are_refused(session, tmp_path):
    other = write_toy(tmp_path / "other", seed=1)
    output = session("--claims-data", str(other), "--collect-only", code=4)
    assert "are both called 'toy'; give one of them another name in its dataset.toml" in output


def test_a_baseline_of_another_profile_is_refused(session, first, tmp_path):
    path = tmp_path / "baseline.json"
    select = ("-k", "content-knn-attributes", "--claims-baseline", str(path))
    session(*select, "--claims-update-baseline", code=0)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "profile": "paper"}))
    assert "profile is 'paper' there and 'smoke' here: not comparable" in session(*select, code=4)


def test_a_baseline_is_compared_with_before_anything_is_trained(session, first, tmp_path):
    path, store = tmp_path / "baseline.json", tmp_path / "store"
    select = ("-k", "content-knn-attributes", "--claims-baseline", str(path))
    session(*select, "--claims-update-baseline", code=0)
    document = json.loads(path.read_text())
    said = document["claims"][0]["version"] + 1
    for change, message in (
        ({"seeds": 3}, "seeds is 3 there and 5 here: not comparable"),
        ({"claims": [{**case, "version": said} for case in document["claims"]]}, f"is version {said} there and"),
        ({"datasets": [{**document["datasets"][0], "users": 7}]}, "dataset 'toy' is a different one: users 7"),
    ):
        path.write_text(json.dumps({**document, **change}))
        assert message in session(*select, "--claims-store", str(store), code=4)
    assert not (store / "cells").exists()


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_a_baseline_of_which_nothing_was_judged_fails(session, first, tmp_path, workers):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(session.first_results))
    option, skip = ("--claims-baseline", str(path), *workers), {**os.environ, "PYTEST_ADDOPTS": "--benchmark-skip"}
    for select, env in (("content-knn-attributes", skip), ("nosuchcase", None)):
        output = session("-k", select, *option, env=env, code=1)
        assert output.count("Exit code 1: no case was judged") == 1
        assert "Exit code 0" not in output


def test_what_makes_no_claim_is_no_business_of_a_baseline(session, first, tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(session.first_results))
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n")
    session("--claims-baseline", str(path), path=str(tmp_path / "test_mine.py"), code=0)


def test_collection_is_free_of_torch(session):
    code = (
        "import sys, pytest; "
        "pytest.main(['suite', '--collect-only', '-q', '-p', 'no:cacheprovider']); "
        "print('heavy:', {'torch', 'recbole', 'transformers', 'pandas', 'polars', 'scipy.stats'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "freedom-sbert-permuted-ml-100k" in done.stdout
    assert "heavy: set()" in done.stdout


@pytest.mark.parametrize(
    ("device", "workers", "executor", "gpu", "line"),
    [
        ("auto", 2, "local", False, "2 processes of one thread train on the CPU"),
        ("auto", 1, "local", False, "1 process of one thread trains on the CPU"),
        ("cpu", 0, "local", True, "this process trains on the CPU"),
        (
            "auto",
            16,
            "local",
            True,
            "every GPU trains similar cells together; the rest is left to 16 processes of one thread",
        ),
        (
            "cuda:1",
            0,
            "local",
            True,
            "cuda:1 trains similar cells together; the rest is left to this process",
        ),
        ("auto", None, "dask://a:1", False, "the workers of dask://a:1 train"),
    ],
)
def test_the_first_lines_say_what_computes(device, workers, executor, gpu, line, monkeypatch):
    options = {"claims_device": device, "claims_workers": workers, "claims_executor": executor}
    monkeypatch.setattr("recclaims._pytest.options.has_gpu", lambda: gpu)
    assert what_computes(SimpleNamespace(getoption=options.get)) == line


def test_an_unreadable_image_is_named_and_the_other_cases_are_judged(session, tmp_path):
    data = write_toy(tmp_path / "data")
    records = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    for record in records:
        record["image"] = "broken.png"
    (data / "broken.png").write_bytes(b"not an image")
    (data / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    report = tmp_path / "report"
    select = "content-knn-efficientnet-lite0-permuted or content-knn-attributes-permuted"
    output = session("-k", select, "--claims-report", str(report), data=data, code=1)
    verdicts = {
        c["treatment"]: (c["verdict"], c["reason"]) for c in json.loads((report / "results.json").read_text())["claims"]
    }
    assert verdicts["attributes"][0] == "supported"
    verdict, reason = verdicts["efficientnet-lite0"]
    assert verdict == "inadmissible"
    assert re.search(r"broken\.png: image of item 'i0' cannot be read", reason)
    assert "Traceback" not in output


@pytest.fixture
def pictured(tmp_path):
    """The toy, whose items have an image that nothing opens."""
    data = write_toy(tmp_path / "data", domain="clothing")
    records = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    (data / "items.jsonl").write_text("".join(json.dumps({**r, "image": "x.png"}) + "\n" for r in records))
    (data / "x.png").write_bytes(b"never opened")
    return data


@pytest.fixture
def foreign(tmp_path):
    """A model that only code of its own folder knows."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "foreign_vl", "auto_map": {"AutoModelForCausalLM": "x.Y"}}')
    return folder


def test_trust_in_the_code_of_checkpoints_ends_with_its_run(pictured, foreign, tmp_path):
    options = ["suite", "-p", "no:cacheprovider", "-m", "noise", "-k", "content-knn-lvlm and permuted-toy"]
    options += ["--claims-encoder", f"lvlm:{foreign}", "--claims-profile", "smoke", "--claims-workers", "0"]
    for name, place in (("data", pictured), ("store", tmp_path / "store"), ("report", tmp_path / "report")):
        options += [f"--claims-{name}", str(place)]
    code = (
        f"import pytest; options = {options!r}; "
        "assert pytest.main([*options, '--claims-trust-remote-code', '--collect-only']) == 0; "
        "raise SystemExit(pytest.main(options))"
    )
    program = warm.begin(code, tmp_path)
    assert program.wait() == 0, program.communicate()
    (case,) = json.loads((tmp_path / "report" / "results.json").read_text())["claims"]
    assert "--claims-trust-remote-code" in case["reason"]


def test_trust_in_the_code_of_checkpoints_reaches_the_workers(session, pictured, foreign, tmp_path):
    report, select = tmp_path / "report", ("-k", "content-knn-lvlm and permuted-toy")
    options = ("--claims-encoder", f"lvlm:{foreign}", "--claims-report", str(report), "--claims-workers", "1")
    session(*select, *options, "--claims-trust-remote-code", data=pictured, code=0)
    (case,) = json.loads((report / "results.json").read_text())["claims"]
    assert case["verdict"] == "not_run"
    # The worker was told; without trust it would ask for it.
    assert "no weights" in case["reason"]
    assert "--claims-trust-remote-code" not in case["reason"]


def test_names_that_are_no_utf8_stop_nothing(tmp_path):
    place = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        data = write_toy(place / os.fsdecode(b"data\xe9"))
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    (data / "dataset.toml").write_text("")  # its folder's name is its own
    output = Session(place)("-k", "content-knn-attributes-permuted", data=data, code=0)
    assert "1 passed" in output
    (case,) = json.loads((place / "report" / "results.json").read_text())["claims"]
    assert (case["dataset"], case["verdict"]) == ("data\ufffd", "supported")
    assert "1 passed" in Session(place)("-k", "content-knn-attributes-permuted", data=data, code=0)
