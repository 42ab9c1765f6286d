import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recclaims.cli import main
from recclaims.cli.program import parser
from recclaims.features.hub import known_as
from recclaims.paths import expanded
from recclaims.reporting.privacy import share

from .reporting.documents import case, raw
from .toy import write_toy

BASELINE = str(Path(__file__).parents[1] / "reports" / "baseline" / "smoke.json")


@pytest.fixture
def files(tmp_path):
    old = raw(case(), case(case="other"))
    new = copy.deepcopy(old)
    new["claims"][1] |= {"verdict": "no_difference", "reason": "inside the margin"}
    for name, content in (("old", old), ("new", new)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return [str(tmp_path / f"{name}.json") for name in ("old", "new")]


def test_python_runs_the_same_command():
    command = [sys.executable, "-m", "recclaims", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("recclaims ")


def test_compare_writes_a_page(files, capsys, tmp_path):
    assert main(["compare", *files, "--html", str(tmp_path / "compare.html")]) == 1
    assert "Got worse: 1 case" in (tmp_path / "compare.html").read_text()


def test_compare_finds_what_was_made_worse(files, capsys):
    assert main(["compare", *files]) == 1
    output = capsys.readouterr().out
    assert "verdict was supported, is no_difference (inside the margin)" in " ".join(output.split())
    assert "2 cases compared, 1 changed, 1 worse." in output


def test_compare_of_equal_runs_finds_nothing(files, capsys):
    assert main(["compare", files[0], files[0]]) == 0
    assert capsys.readouterr().out == "2 cases compared, 0 changed, 0 worse.\n"


def test_report_prints_the_page(files, capsys):
    assert main(["report", files[0]]) == 0
    assert capsys.readouterr().out.startswith("# Verdicts\n")


def test_report_writes_any_reporters_format(files, tmp_path, capsys):
    assert main(["report", files[0], "--format", "html", "--output", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert main(["report", files[0], "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("claim,version,case,")


def test_report_reads_a_baseline(capsys):
    for name in ("markdown", "html", "latex", "csv", "csv-cells"):
        assert main(["report", BASELINE, "--format", name]) == 0
        assert capsys.readouterr().out


def test_plugins_lists_what_is_there(capsys):
    main(["plugins"])
    output = capsys.readouterr().out
    assert "freedom" in output
    assert "sbert" in output


def test_plugins_says_what_a_reference_can_set(capsys):
    main(["plugins"])
    assert "where content shows (visual, textual, both, joint; default both)" in capsys.readouterr().out


def test_encode_keeps_features_and_says_what_they_are(tmp_path, capsys):
    data = write_toy(tmp_path / "data")
    arguments = ["encode", "attributes", "--data", str(data), "--store", str(tmp_path / "store")]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("attributes: 48 x 4, 0 imputed, 0 zero and 44 duplicate rows")
    assert list((tmp_path / "store" / "features").rglob("matrix.npy"))


@pytest.mark.parametrize("trusted", [False, True])
def test_encode_runs_code_of_a_checkpoint_only_where_it_is_trusted(tmp_path, capsys, trusted):
    (tmp_path / "config.json").write_text('{"model_type": "foreign_vl", "auto_map": {"AutoModelForCausalLM": "x.Y"}}')
    arguments = ["encode", f"lvlm:{tmp_path}", "--data", "emoji", "--store", str(tmp_path / "store")]
    assert main([*arguments, *["--trust-remote-code"] * trusted]) == 2
    error = capsys.readouterr().err
    assert ("no weights" in error) is trusted
    assert ("--trust-remote-code" in error) is not trusted
    assert main(arguments) == 2
    assert "--trust-remote-code" in capsys.readouterr().err  # trust does not stay for the next command of a process


@pytest.mark.parametrize(
    ("place", "message"),
    [("answers.jsonl", "encoder 'attributes' gives no answers"), ("none/answers.jsonl", "gives no answers")],
)
def test_encode_says_that_there_are_no_answers(tmp_path, capsys, place, message):
    data = write_toy(tmp_path / "data")
    file = tmp_path / place
    arguments = ["encode", "attributes", "--data", str(data), "--store", str(tmp_path / "store")]
    assert main([*arguments, "--answers", str(file)]) == 2
    assert message in capsys.readouterr().err
    assert not file.exists()


def answered(place, answers):
    """The toy, whose first items bear these answers."""
    data = write_toy(place / "data", domain="clothing")
    records = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    for record, answer in zip(records, answers, strict=False):
        record["lvlm"] = answer
    (data / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(data)


def test_keywords_says_how_answers_kept_to_their_format(tmp_path, capsys):
    asked = "[Type] {Dress}, [Color] {Red}, [Wear Location] {Torso}, [Material] {Cotton}, [Style] {Casual}"
    loose = "Type: Hat, Color: Blue"
    answers = [
        {"a_keyword": asked, "b_keyword": loose, "a_descri": "A dress."},
        {"a_keyword": asked},
        {"b_keyword": ""},
    ]
    data = answered(tmp_path, answers)
    assert main(["keywords", data]) == 0
    rows = {tuple(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert ("a_keyword", "2", "100.0%", "100.0%", "0", "0", "0", "0", "0") in rows
    assert ("b_keyword", "2", "0.0%", "0.0%", "1", "0", "1", "0", "0") in rows
    assert ("a_keyword", "toy", "Type", "2", "100.0%", "0", "0", "0", "1", "0.00", "0.0%", "Dress") in rows
    assert main(["keywords", data, "--domain", "movies"]) == 2
    assert "names a slot of Genre" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keywords", "emoji"], "emoji: no item has a keyword answer (answers: none)"),
        (["encode", "sbrt"], "recclaims: unknown encoder 'sbrt'; did you mean 'sbert'?"),
        (["encode", "sbert", "--data", "ml-100"], "unknown dataset 'ml-100'; did you mean 'ml-100k'?"),
        (["report", "nowhere.json", "--format", "htm"], "--format: unknown reporter 'htm'; did you mean 'html'?"),
        (["report", BASELINE, "--output", "no/folder/x"], "recclaims: no/folder/x: No such file or directory"),
        (["report", "nowhere.json"], "recclaims: nowhere.json: No such file or directory"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_doctor_says_what_is_missing(capsys):
    main(["doctor"])
    output = capsys.readouterr().out
    assert "torch" in output
    assert "encoder sbert" in output
    assert re.search(r"^ok +\d+ processors?, \d+\.\d GB of memory$", output, re.MULTILINE)
    # What only has to be named is not missing.
    assert "ok       encoder keywords:NAME (the name of an answer)" in output
    assert "ok       encoder features:NAME (the path of a file)" in output
    assert "absent   encoder timm: timm needs a model: timm:NAME.TAG, or timm:FOLDER" in output
    assert "absent   encoder st: st needs a model: st:org/name, or st:FOLDER" in output
    assert "broken" not in output
    lines = [line for line in output.splitlines() if line.startswith("absent   encoder lvlm")]
    assert len(lines) == 1
    assert "hf download Qwen/Qwen2-VL-7B-Instruct" in lines[0]


def test_doctor_names_each_gpu_and_its_memory(capsys, monkeypatch):
    import torch

    monkeypatch.setattr("recclaims.cli.doctor.has_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Card {number}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (2**30, 80 * 2**30))
    main(["doctor"])
    assert "ok       GPU cuda:1 Card 1, 80.0 GB of memory, 1.0 GB of it free" in capsys.readouterr().out
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    main(["doctor"])
    assert f"absent   GPU: this machine has one that torch {torch.__version__} cannot use" in capsys.readouterr().out
    monkeypatch.setattr("recclaims.cli.doctor.has_gpu", lambda: False)
    main(["doctor"])
    assert "absent   GPU: all is computed on processors" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.41, '0.41 of the time of one in float32 here: projection_dtype = "bfloat16" pays'),
     (3.2, "3.20 of the time of one in float32 here: leave projection_dtype at float32")],
)  # fmt: skip
def test_doctor_says_whether_bfloat16_pays(capsys, monkeypatch, share, told):
    monkeypatch.setattr("recclaims.recommenders._kernels.precision.bfloat16_share", lambda: share)
    main(["doctor"])
    assert f"ok       a product in bfloat16 takes {told}\n" in capsys.readouterr().out


def test_bfloat16_is_measured():
    from recclaims.recommenders._kernels.precision import bfloat16_share

    assert 0.01 < bfloat16_share(rounds=2) < 100


def run(*arguments, **given):
    program = "from recclaims.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **given)


def test_a_reader_that_has_had_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = run("plugins", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_a_full_disk_under_the_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = run("plugins", stdout=full)
    assert (done.returncode, done.stderr) == (2, "recclaims: No space left on device\n")


def test_a_folder_that_is_gone_is_one_line(tmp_path):
    program = (
        # Imported before: from nowhere, Python 3.13 with `-c` cannot import numpy.
        "import os, shutil; from recclaims.cli import main; "
        f"os.chdir({str(tmp_path)!r}); shutil.rmtree({str(tmp_path)!r}); "
        "raise SystemExit(main(['encode', 'attributes', '--data', 'emoji']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("recclaims: the current folder")


def test_home_may_be_given_behind_an_equals_sign(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(write_toy(tmp_path / "data"))
    assert main(["encode", "attributes", "--data=~/data", "--store=~/store"]) == 0
    assert (tmp_path / "store" / "features").is_dir()
    assert not (tmp_path / "data" / "~").exists()
    for command in (
        "encode x",
        "prepare x",
        "keywords x",
        "report",
        "compare x y",
        "calibrate",
        "export x",
        "doctor",
        "init",
    ):
        given = vars(parser().parse_args([*command.split(), *PATHS[command.split()[0]]]))
        assert "~" not in str(given), command


#: By command, the options that take a path.
PATHS = {
    "encode": ["--data=~/a", "--store=~/a"],
    "prepare": ["--from=~/a", "--to=~/a"],
    "keywords": ["--domain=~/a"],
    "report": ["~/a", "--output=~/a"],
    "compare": ["--html=~/a"],
    "calibrate": ["--data=~/a", "--store=~/a"],
    "export": ["--format=mmrec", "--to=~/a", "--store=~/a"],
    "doctor": ["--store=~/a"],
    "init": ["~/a"],
}


def test_a_user_without_a_home_is_told_nothing_of_it(monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_):
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert share("/data/x/y") == "path/to/y"
    assert expanded("~/x") == "~/x"
    assert known_as("absent/model") == "absent/model"


def test_a_name_that_is_no_utf8_can_be_written():
    name = os.fsdecode(b"caf\xe9")
    assert share({name: [f"/a/{name}/b", name]}) == {"caf\ufffd": ["path/to/b", "caf\ufffd"]}
