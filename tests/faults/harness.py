"""Runs a tiny pipeline in forked children and strikes at chosen writes.

    python -m tests.faults.harness PLACE SEED KILLS FULL_DISKS

A process of its own, which has imported everything and computed nothing: a fork of it is a fresh start without the
seconds that imports take. Polars must not be used before, since its threads do not survive a fork.
"""

import contextlib
import errno
import json
import logging
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars  # noqa: F401 - imported for the children
import sklearn.linear_model  # noqa: F401
import torch
import torch._dynamo

from recclaims._model.arm import Arm
from recclaims._model.case import Case
from recclaims.artefact import check_artefact
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import RecclaimsError, one_line
from recclaims.features.encoded import Encoded
from recclaims.judging.run_cases import run_cases
from recclaims.planning.builtin import NOISE
from recclaims.plugin_manager import registry
from recclaims.recommenders._recbole import bridge as recbole_bridge  # noqa: F401
from recclaims.recommenders.models import bm3, content_knn, vbpr  # noqa: F401
from recclaims.reporting import results
from recclaims.reporting.files import write_atomically
from recclaims.store import Store
from recclaims.store_check import check
from tests.toy import write_toy

#: Exit status of a child that was refused in one line.
REFUSED = 3
WRITES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir"}
#: Of a report and of an artefact, what tells the time or the memory and not the result.
TIMES = {"minutes", "created", "seconds", "peak_mb", "gpu_peak_mb", "items_per_second", "environment"}
REPORTERS = ("markdown", "csv", "csv-cells", "latex")


class Chunky:
    """Encodes the colour, sixteen items at a time."""

    name, modality, version, chunk = "chunky", "textual", "1", 16

    def encode(self, items):
        """One-hot colours."""
        colours = ("red", "green", "blue", "black")
        matrix = [[1.0 * (item.title.split()[0] == colour) for colour in colours] for item in items]
        return Encoded(np.array(matrix, dtype=np.float32), [{"text": item.title} for item in items])


def pipeline(place, recommenders=("content-knn", "bm3")):
    """Cases and the pipeline that runs them, two replicates of two epochs."""
    training = {"epochs": 2, "train_batch_size": 1024, "embedding_size": 8}
    profile = replace(Profile.named("smoke"), training=training, recommender={})
    found = registry()
    found.encoders["chunky"], found.origin["encoders", "chunky"] = Chunky, "tests"
    data = str(place / "data")
    cases = [
        Case(NOISE, data, "toy", name, "chunky", "permuted", (Arm(name, "chunky"), Arm(name, "chunky", "permuted")))
        for name in recommenders
    ]
    return cases, Pipeline(Settings(profile, replicates=2), found, Store(place / "store"))


def session(place):
    """What a session does: sweep, run, report."""
    cases, made = pipeline(place)
    made.store.sweep()
    done = run_cases(cases, made)
    document = results.build(done)
    results.write(document, done, place / "report")
    for name in REPORTERS:
        reporter = found() if (found := registry().reporters.get(name)) else None
        try:
            write_atomically(place / "report" / reporter.filename, reporter.render(document))
        except OSError as error:  # a session says which reporter failed, and goes on
            raise RecclaimsError(one_line(error)) from error


class Fault:
    """Counts what is about to be written below a folder, and strikes at the n-th; n = 0 only counts."""

    def __init__(self, below, at, strike):
        self.below, self.at, self.strike, self.count = str(below), at, strike, 0
        self.active = False

    def arm(self):
        """Listen from now on; there is no way back."""
        self.active = True
        sys.addaudithook(self._hear)
        flush = os.fsync

        def fsync(descriptor):
            # What is written so far may be torn: half of what lies there is the worst that a reader can meet.
            place = Path(f"/proc/self/fd/{descriptor}").resolve()
            self._step(place if place.is_file() and str(place).startswith(self.below) else None)
            flush(descriptor)

        os.fsync = fsync

    def _hear(self, event, arguments):
        if not self.active:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and str(path).startswith(self.below):
                self._step()
        elif event in WRITES and (str(arguments[0]).startswith(self.below) or arguments[-1] not in (-1, None)):
            self._step(frees=event in {"os.remove", "os.rmdir"})

    def _step(self, torn=None, frees=False):
        self.count += 1
        # A disk that is full stays so.
        if (self.count == self.at and not (frees and self.strike is full)) or (
            self.at and self.count > self.at and self.strike is full and not frees
        ):
            self.strike(torn)


def kill(torn):
    """Die as in a power cut."""
    if torn:
        os.truncate(torn, torn.stat().st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


def full(_):
    """Fail as on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def forked(work):
    """Do the work in a child; return its exit status as waitpid tells it."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except RecclaimsError as error:
            status = REFUSED if "\n" not in str(error) else 1
        except BaseException as error:  # the child must not go on as its parent
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_once(place, at=0, strike=kill):
    """A session in a child, struck at its n-th write; return its status and how many writes there were."""

    def work():
        fault = Fault(place, at, strike)
        fault.arm()
        warnings = place / "warnings.log"
        fault.active = False
        logging.getLogger("recclaims").addHandler(logging.FileHandler(warnings))
        fault.active = True
        try:
            session(place)
        finally:
            fault.active = False
            (place / "count").write_text(str(fault.count))

    status = forked(work)
    return status, int(count.read_text()) if (count := place / "count").exists() else 0


def timeless(value):
    """A document without what differs between two runs of the same."""
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in TIMES}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def content(place):
    """Everything that a session has made, byte by byte, apart from times; raises where something is damaged."""
    found = {}
    store = Store(place / "store")
    for kind, path in store.paths():
        artefact, fault = check_artefact(kind, path)
        assert fault is None, fault
        for name in sorted(artefact.manifest["files"]):
            raw = (path / name).read_bytes()
            value = (
                raw.hex() if name.endswith((".npy", ".npz")) else timeless(json.loads(raw.replace(bytes(place), b"")))
            )
            found[f"{kind}/{path.name}/{name}"] = value
    report = place / "report"
    found["results.json"] = timeless(json.loads((report / "results.json").read_text()))
    found["report"] = sorted(file.name for file in report.iterdir())
    return found


def prepare(place):
    """A folder with the data set."""
    place.mkdir(parents=True)
    write_toy(place / "data")
    return place


def survive(place, expected, points, strike):
    """Strike a session at each of these writes in turn, then run it undisturbed; assert what has to hold."""
    for point in points:
        (place / "count").unlink(missing_ok=True)
        status, _ = run_once(place, point, strike)
        # 0: what an earlier one left has made it shorter, or cells failed for want of space.
        assert status in ({0, -signal.SIGKILL} if strike is kill else {0, REFUSED}), f"exit status {status} at {point}"
        if strike is full:
            _check_reasons(place)
            assert not left_behind(place), f"left behind at {point}: {left_behind(place)}"
        if (place / "store").exists():
            assert forked(lambda: _whole(place)) == 0, f"damaged at {point}"
    assert run_once(place)[0] == 0, "the next run failed"
    warned = (place / "warnings.log").read_text().strip()
    assert not warned, f"the next run met {warned}"
    assert not left_behind(place), f"left behind: {left_behind(place)}"
    found = content(place)
    assert found == expected, f"differs: {[name for name in expected if found.get(name) != expected[name]]}"


def left_behind(place):
    """Drafts, in the store and in the report."""
    return [*place.glob("store/drafts/*"), *place.glob("report/.*")]


def _check_reasons(place):
    if (results_file := place / "report" / "results.json").exists():
        for case in json.loads(results_file.read_text())["claims"]:
            assert case["verdict"] != "not_run" or "No space left on device" in case["reason"], case["reason"]
            assert "Error" not in case["reason"], case["reason"]


def _whole(place):
    damaged = check(Store(place / "store")).damaged
    assert not damaged, damaged


def main(place, seed, kills, fulls):
    """Strike at so many points of each kind, spread over a session; print what came of it."""
    torch.set_num_threads(1)
    registry()
    started = time.monotonic()
    whole = prepare(place / "undisturbed")
    status, writes = run_once(whole)
    assert status == 0, "the undisturbed run failed"
    expected = content(whole)
    said = {"writes": writes}
    for strike, n_points in ((kill, kills), (full, fulls)):
        said[strike.__name__] = _strike(place / strike.__name__, expected, writes, n_points, seed, strike)
    print(json.dumps(said | {"seconds": round(time.monotonic() - started, 1)}))


def _strike(place, expected, writes, n_points, seed, strike):
    chance = random.Random(seed)  # noqa: S311 - where to strike
    # One in each of n equal parts; every other one is struck again in its second run.
    firsts = [1 + int((i + chance.random()) * writes / n_points) for i in range(n_points)]
    wrong, strikes = {}, 0
    for i, first in enumerate(firsts):
        points = [first, chance.randint(1, writes)][: 1 + i % 2]
        here = prepare(place / f"point{i}")
        strikes += len(points)
        try:
            survive(here, expected, points, strike)
        except AssertionError as error:
            wrong[str(points)] = str(error)
        else:
            shutil.rmtree(here)
    return {"points": n_points, "strikes": strikes, "wrong": wrong}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
