"""A Dask scheduler and workers in processes of their own, on the loopback interface."""

import json
import os
import time
from dataclasses import replace

from recclaims import plugin_manager
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.store import Store

from .. import warm
from ..logged import install
from ..patience import PATIENCE
from ..toy import write_toy


class Place:
    """A scheduler, its workers, the plugin that logs, toy data, and a store."""

    def __init__(self, root, plugin=True):
        self.root, self.data = root, write_toy(root / "data")
        environment, self.log = install(root / "site", pause=0.4)
        self.environment = {**os.environ, **(environment if plugin else {})}
        self.processes, self.elsewhere = [], root / "elsewhere"
        self.elsewhere.mkdir()
        facts = root / "scheduler.json"
        self.start(
            "scheduler",
            "--port",
            "0",
            "--host",
            "127.0.0.1",
            "--dashboard-address",
            "127.0.0.1:0",
            "--scheduler-file",
            facts,
        )
        wait_for(facts.exists)
        wait_for(lambda: facts.read_text().endswith("}"))
        self.address = json.loads(facts.read_text())["address"]
        self.executor = self.address.replace("tcp://", "dask://")

    def start(self, what, *arguments):
        process = warm.Program(f"distributed.cli.dask_{what}", *arguments, cwd=self.elsewhere, env=self.environment)
        self.processes.append(process)
        return process

    def worker(self, *arguments):
        return self.start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
            "--local-directory", self.root / "scratch", *arguments,
        )  # fmt: skip

    def workers(self):
        """How many have joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return len(client.nthreads())

    def pipeline(self, store="store", **changes):
        settings = Settings(Profile("tiny"), replicates=1, executor=self.executor)
        return Pipeline(replace(settings, **changes), plugin_manager.registry(), Store(self.root / store))

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


def wait_for(condition, seconds=PATIENCE):
    """Wait until a condition holds; what it gave then."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found
