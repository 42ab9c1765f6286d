"""`recclaims init`: a folder that runs as it is, and nothing of anybody's that is overwritten."""

import re
import shlex

import pytest
import yaml

from recclaims.cli import main
from recclaims.cli.init import RUN, SELECTION
from recclaims.data.reference import open_source
from recclaims.plugin_manager import registry

from . import warm
from .test_docs import _absolute


@pytest.fixture
def made(tmp_path, capsys):
    assert main(["init", str(tmp_path / "my shop")]) == 0
    return tmp_path / "my shop", capsys.readouterr().out


def test_the_example_is_a_dataset(made):
    folder, _ = made
    loaded = open_source(str(folder / "data"), registry()).load()
    assert (len(loaded.items), len(loaded.interactions)) == (40, 1_200)
    assert all("Made-up" in item.title for item in loaded.items)


def test_the_printed_command_runs_and_finds_what_is_there(made):
    folder, said = made
    (command,) = re.findall(r"^    cd (.*)$", said, re.MULTILINE)
    place, _, rest = command.partition(" && ")
    assert shlex.split(place) == [str(folder)]
    assert rest.startswith(f"{RUN} -m ")
    program, *words = shlex.split(rest)
    assert program == "pytest"
    quick = ["-p", "no:cacheprovider", "-k", "content-knn and attributes", "--claims-workers", "0"]
    done = warm.run("pytest", *words, *quick, cwd=folder, env=_absolute())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "content-knn uses attributes on my-shop" in done.stdout
    assert re.search(r"^titles: Titles serve as well as attributes", done.stdout, re.MULTILINE)
    assert (folder / "reports" / "latest" / "results.html").exists()


def test_nothing_that_is_there_is_overwritten(made, capsys):
    folder, _ = made
    mine = {"data/dataset.toml": 'name = "mine"\n', ".github/workflows/claims.yml": "mine"}
    for name, content in mine.items():
        (folder / name).write_text(content)
    (folder / "data" / "items.jsonl").unlink()
    (folder / "data" / "interactions.csv").unlink()
    (folder / "data" / "interactions.csv").symlink_to(folder / "nowhere")
    assert main(["init", str(folder)]) == 0
    said = capsys.readouterr().out
    assert {name: (folder / name).read_text() for name in mine} == mine
    assert not (folder / "nowhere").exists()
    assert [line.split()[0] for line in said.splitlines()[:5]] == ["kept", "written", "kept", "kept", "kept"]


def test_the_workflow_runs_what_is_printed(made):
    folder, _ = made
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "claims.yml").read_text())
    (job,) = workflow["jobs"].values()
    (run,) = [step["run"] for step in job["steps"] if "pytest" in step.get("run", "")]
    assert f'{RUN} -m "{SELECTION}" "$@"' in " ".join(run.replace("\\\n", " ").split())
    assert "if [ -f claims.json ]; then set -- --claims-baseline claims.json; fi" in run


def test_a_file_in_the_way_is_one_line(tmp_path, capsys):
    (tmp_path / "shop").write_text("")
    assert main(["init", str(tmp_path / "shop")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_begins_with_what_people_do(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    assert re.match(r"Judge the claims: +pytest suite$", lines[0])
    assert re.match(r"Begin with your own data: +recclaims init my-shop$", lines[1])


def test_plugins_say_what_they_are(capsys):
    main(["plugins"])
    rows = {tuple(line.split()[:2]): line for line in capsys.readouterr().out.splitlines() if len(line.split()) > 1}
    assert "textual" in rows["encoder", "sbert"]
    assert "multimodal" in rows["encoder", "late_fusion"]
    assert "reads features; trained; as in mmrec" in rows["recommender", "freedom"]
    assert "reads no features; trained" in rows["recommender", "bpr"]
    assert "keeps the set of norms" in rows["control", "isotropic"]
    assert "Real features beat noise of the same shape" in rows["claim", "noise"]


def test_doctor_ends_with_what_to_do_next(capsys):
    code = main(["doctor"])
    *_, last = capsys.readouterr().out.splitlines()
    assert "Next: " in last
    assert ("pytest suite" in last) is (code == 0)
