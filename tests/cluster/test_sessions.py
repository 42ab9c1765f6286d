"""Several pytest processes: those of pytest-xdist in one session, and sessions of their own on one store."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ..logged import ROOT, install
from ..toy import write_toy

MEASURED = ("seconds", "peak_mb")


class Sessions:
    """Starts `pytest suite` on toy data with the plugin that logs."""

    def __init__(self, place, **settings):
        self.place, self.data = place, write_toy(place / "data")
        environment, self.log = install(place / "site", **settings)
        self.environment = {**os.environ, **environment}

    def start(self, *arguments, store="store", report="report", workers="0"):
        command = [sys.executable, "-m", "pytest", "suite", "-p", "no:cacheprovider", "-k", "logged-attributes"]
        command += ["--claims-data", self.data, "--claims-profile", "smoke", "--claims-workers", workers]
        command += ["--claims-store", self.place / store, "--claims-report", self.place / report, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(list(map(str, command)), cwd=ROOT, env=self.environment, **pipes)

    def run(self, *arguments, code, **places):
        process = self.start(*arguments, **places)
        output = process.communicate(timeout=300)[0]
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
    return sessions.run(
        "-n", "2", "--claims-baseline", baseline, "--claims-update-baseline", "-rA", code=0, workers="2"
    )


def test_under_xdist_each_cell_is_computed_once_and_the_summary_is_printed_once(sessions, together):
    assert "2 passed" in together
    assert {"[gw0]", "[gw1]"} <= set(together.split()), "both workers judged"
    for once in (
        "Side by side on toy",
        "25 cells: 25 trained, 0 from the store.",
        "Exit code 0: every claim held",
        "recclaims: profile smoke has noise permuted, gaussian",
        f"Written to {sessions.place / 'report'}.",
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
    assert "25 cells: 0 trained, 25 from the store." in output


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
    assert "25 cells: " in output
    assert {case["verdict"] for case in sessions.document()["claims"]} == {"supported"}
    (dead,) = sessions.log.in_flight()
    begun, ended = sessions.log.count("begin"), sessions.log.count("end")
    assert len(ended) == 15
    assert set(ended.values()) == {1}
    assert sorted(begun.values()) == [1] * 14 + [2], "only the cell in flight was begun again"
    assert not sessions.log.twice_at_once(dead=[dead])


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sessions_on_one_store_compute_each_cell_once_and_one_outlives_another(tmp_path):
    """Three sessions begin together; one is killed in the middle of a cell, whose lock another then takes over."""
    sessions = Sessions(tmp_path, pause=0.5)
    started = [sessions.start(report=f"report-{number}") for number in range(3)]
    wait_for(lambda: len(sessions.log.pids("end")) == 3)  # each had its share
    victim = started[0]
    wait_for(lambda: victim.pid in sessions.log.in_flight() or victim.poll() is not None)
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    lost = sessions.log.in_flight()[victim.pid]
    outputs = [process.communicate(timeout=300)[0] for process in started[1:]]
    assert [process.returncode for process in started[1:]] == [0, 0], outputs
    ended, begun = sessions.log.count("end"), sessions.log.count("begin")
    assert set(ended.values()) == {1}
    assert {what for what, times in begun.items() if times > 1} == {lost}
    assert not sessions.log.twice_at_once(dead=[victim.pid])
    for number in (1, 2):
        assert sessions.document(f"report-{number}")["claims"] == sessions.document("report-1")["claims"]
        assert len(sessions.document(f"report-{number}")["cells"]) == 25
