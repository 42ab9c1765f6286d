"""A plugin, installed in a folder, that writes down who computes what and when, and can kill its own process."""

import os
import time
from collections import Counter
from pathlib import Path

from .patience import PATIENCE

ROOT = Path(__file__).parents[1]
MODULE = '''
import os, time
from pathlib import Path

import numpy as np
import recclaims


def log(*what):
    with open(os.environ["LOGGED_FILE"], "a") as file:
        print(*what, os.getpid(), time.time(), file=file, flush=True)


def wait_for_others():
    """Go on once so many processes have begun as the test asks for: how fast one starts must not decide who works."""
    asked = Path(os.environ["LOGGED_FILE"] + ".together")
    deadline = time.monotonic() + float(os.environ["LOGGED_PATIENCE"])
    while asked.exists() and len(pids()) < int(asked.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)


def pids():
    return {line.split()[2] for line in Path(os.environ["LOGGED_FILE"]).read_text().splitlines()}


class Numbers:
    """Encodes an item as its number, six items at a time."""

    name, modality, version, chunk = "numbers", "textual", "1", 6

    def encode(self, items):
        numbers = [int(item.item_id[1:]) for item in items]
        log("begin", f"chunk-{numbers[0]}")
        wait_for_others()
        time.sleep(float(os.environ.get("LOGGED_PAUSE", 0)))
        log("end", f"chunk-{numbers[0]}")
        return np.array([[number, 1] for number in numbers], dtype=np.float32)


@recclaims.hookimpl
def recclaims_encoders():
    return [Numbers]


@recclaims.hookimpl
def recclaims_recommenders():
    return [
        recclaims.Recommender(
            "logged", "1", "logged_model:Logged", training_free=True, feature_free=False,
            parameters={"k": 10, "shrink": 10.0},
        )
    ]
'''
MODEL = """
import hashlib, os, signal, time
from pathlib import Path

from logged import log, wait_for_others
from recclaims.recommenders.models.content_knn import ContentKNN


class Logged(ContentKNN):
    def __init__(self, config, dataset):
        content = b"".join(matrix.numpy().tobytes() for _, matrix in dataset.content)
        name = f"{config['seed']}-{hashlib.sha256(content).hexdigest()[:8]}"
        log("begin", name)
        kill = os.environ.get("LOGGED_KILL", "")  # "SEED": always; "SEED once": where nobody has been killed yet
        if kill and kill.split()[0] == str(config["seed"]):
            mark = Path(os.environ["LOGGED_FILE"] + ".killed")
            if "once" not in kill or not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        wait_for_others()
        time.sleep(float(os.environ.get("LOGGED_PAUSE", 0)))
        super().__init__(config, dataset)
        log("end", name)
"""


class Log:
    """What was written down: (begin or end, what, process, time) in order."""

    def __init__(self, path):
        self.path = path

    @property
    def entries(self):
        lines = self.path.read_text().splitlines() if self.path.exists() else ()
        return [(how, what, int(pid), float(at)) for how, what, pid, at in map(str.split, lines)]

    def count(self, how):
        return Counter(what for begun, what, *_ in self.entries if begun == how)

    def ask_for_processes(self, number):
        """From now on, none ends what it does before so many processes have begun something."""
        Path(f"{self.path}.together").write_text(str(number))

    def pids(self, how="begin"):
        return {pid for begun, _, pid, _ in self.entries if begun == how}

    def in_flight(self):
        """By process, what it has begun and not ended."""
        flying = {}
        for how, what, pid, _ in self.entries:
            if how == "begin":
                flying[pid] = what
            else:
                flying.pop(pid, None)
        return flying

    def at_work(self):
        """A process that has been at something for a while; what it did before is then out of its hands."""
        flying = self.in_flight()
        begun = {pid: at for how, _, pid, at in self.entries if how == "begin"}
        return next((pid for pid in flying if time.time() - begun[pid] > 0.1), None)

    def twice_at_once(self, dead=()):
        """What was begun while another process, not one of the dead, was still at it."""
        held, twice = {}, set()
        for how, what, pid, _ in self.entries:
            if how == "end":
                held.pop(what, None)
            elif held.get(what, pid) != pid and held[what] not in dead:
                twice.add(what)
            else:
                held[what] = pid
        return twice


def install(place, **settings):
    """Write the plugin to a folder; the environment in which a process finds it, and its log."""
    info = place / "logged-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "logged.py").write_text(MODULE)
    (place / "logged_model.py").write_text(MODEL)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: logged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[recclaims]\nlogged = logged\n")
    path = [str(place), str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    given = {f"LOGGED_{key.upper()}": str(value) for key, value in settings.items()}
    log = Log(place / "log")
    given["LOGGED_PATIENCE"] = str(PATIENCE)
    return {"PYTHONPATH": os.pathsep.join(path), "LOGGED_FILE": str(log.path), **given}, log
