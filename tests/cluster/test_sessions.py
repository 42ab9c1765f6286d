"""Several pytest processes: those of pytest-xdist in one session, and sessions of their own on one store."""

import json
import os
import re
import subprocess

import pytest

from .. import warm
from ..logged import install
from ..patience import PATIENCE
from ..toy import write_toy
from .place import wait_for


class Sessions:
    """Starts `pytest suite` on toy data with the plugin that logs."""

    def __init__(self, place, **settings):
        self.place, self.data = place, write_toy(place / "data")
        environment, self.log = install(place / "site", **settings)
        self.environment = {**os.environ, **environment}

    def start(self, *arguments, store="store", report="report", workers="0"):
        command = ["suite", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-k", "logged-attributes"]
        command += ["-m", "not controls", "--claims-data", self.data, "--claims-profile", "smoke"]
        command += ["--claims-workers", workers]
        command += ["--claims-store", self.place / store, "--claims-report", self.place / report, *arguments]
        return warm.Program("pytest", *command, env=self.environment, stderr=subprocess.STDOUT)

    def run(self, *arguments, code, **places):
        process = self.start(*arguments, **places)
        output = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == code, output
        return output

    def document(self, report="report"):
        return json.loads((self.place / report / "results.json").read_text())


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    return Sessions(tmp_path_factory.mktemp("xdist"))


@pytest.fixture(scope="module")
def together(sessions):
    """The output of a first run over two processes of xdist."""
    pytest.importorskip("xdist")
    baseline = sessions.place / "baseline.json"
    return sessions.run("-n", "2", "--claims-baseline", baseline, "--claims-update-baseline", "-v", code=0, workers="1")


def test_under_xdist_each_cell_is_computed_once_and_the_summary_is_printed_once(sessions, together):
    assert "2 passed" in together
    assert {"[gw0]", "[gw1]"} <= set(together.split()), "both workers judged"
    for once in (
        "Side by side on toy",
        "20 cells: 20 trained, 0 from the store.",
        "Exit code 0: every claim held",
        "recclaims: profile smoke runs only noise permuted, gaussian",
        f"Report: {sessions.place / 'report'}/results.html",
    ):
        assert together.count(once) == 1, together
    ended = sessions.log.count("end")
    assert len(ended) == 15
    assert set(ended.values()) == {1}
    assert not list((sessions.place / "store" / "drafts").iterdir())


def test_under_xdist_the_reports_are_those_of_one_process(sessions, together):
    sessions.run(code=0, report="alone")
    one, two = sessions.document("alone"), sessions.document()
    assert two["claims"] == one["claims"]
    assert two["cells"] == one["cells"]
    assert {path.name for path in (sessions.place / "report").iterdir()} == {
        path.name for path in (sessions.place / "alone").iterdir()
    }


def test_under_xdist_a_baseline_fails_what_got_worse(sessions, together):
    path = sessions.place / "baseline.json"
    worse = json.loads(path.read_text())
    worse["claims"][1]["ci"] = [9.0, 9.5]
    (sessions.place / "worse.json").write_text(json.dumps(worse))
    output = sessions.run("-n", "2", "--claims-baseline", sessions.place / "worse.json", code=1, report="worse")
    assert "1 failed, 1 passed" in output
    assert output.count("worse than the baseline: effect fell to") == 1
    assert output.count("Exit code 1: a case got worse than in the baseline") == 1
    assert "20 cells: 0 trained, 20 from the store." in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--claims-data", "emojy"), "unknown dataset 'emojy'; did you mean 'emoji'?"),
        (("--claims-baseline", "no.json"), "no.json: No such file or directory"),
    ],
)
def test_under_xdist_a_refusal_is_one_line(sessions, arguments, message):
    pytest.importorskip("xdist")
    output = sessions.run("-n", "2", *arguments, code=4, report="none")
    assert len([line for line in output.splitlines() if message in line]) == 1, output
    assert "Traceback" not in output
    assert not (sessions.place / "none").exists()


def test_under_xdist_another_worker_goes_on_where_one_died(tmp_path):
    """The first to run is killed in the third replicate."""
    pytest.importorskip("xdist")
    sessions = Sessions(tmp_path, kill="2 once")
    output = sessions.run("-n", "2", code=1)
    assert "crashed while running" in output
    assert "20 cells: " in output
    assert {case["verdict"] for case in sessions.document()["claims"]} == {"supported"}
    (dead,) = sessions.log.in_flight()
    begun, ended = sessions.log.count("begin"), sessions.log.count("end")
    assert len(ended) == 15
    assert set(ended.values()) == {1}
    assert sorted(begun.values()) == [1] * 14 + [2], "only the cell in flight was begun again"
    assert not sessions.log.twice_at_once(dead=[dead])


def test_sessions_on_one_store_share_the_cells_and_outlive_one_another(tmp_path):
    """Three begin together; one is killed in the middle of a cell, whose lock another then takes over."""
    sessions = Sessions(tmp_path, pause=0.3)
    sessions.log.ask_for_processes(3)
    started = {process.pid: process for process in (sessions.start(report=name) for name in ("a", "b", "c"))}
    pid = wait_for(lambda: len(sessions.log.pids("end")) == 3 and sessions.log.at_work())
    victim = started.pop(pid)
    victim.kill()
    victim.communicate()
    lost = sessions.log.in_flight()[pid]
    outputs = [process.communicate(timeout=PATIENCE)[0] for process in started.values()]
    assert [process.returncode for process in started.values()] == [0, 0], outputs
    ended, begun = sessions.log.count("end"), sessions.log.count("begin")
    assert len(ended) == 15
    assert set(ended.values()) == {1}
    assert {what for what, times in begun.items() if times > 1} == {lost}
    assert not sessions.log.twice_at_once(dead=[pid])
    trained = [int(re.search(r"20 cells: (\d+) trained", output)[1]) for output in outputs]
    assert sum(trained) <= 20
    assert min(trained) > 0, "each had a share"
    documents = [sessions.document(path.name) for path in tmp_path.iterdir() if (path / "results.json").exists()]
    assert len(documents) == 2
    assert documents[0]["claims"] == documents[1]["claims"]
    assert documents[0]["cells"] == documents[1]["cells"]
