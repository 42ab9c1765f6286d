"""A scheduler and two workers in processes of their own, on the loopback interface."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

pytest.importorskip("distributed")

from recclaims import plugin_manager
from recclaims._model.cell import Cell
from recclaims.engine import run_cells as runner
from recclaims.engine.execute import dask_cluster
from recclaims.engine.execute.dask_cluster import Common
from recclaims.engine.machine import installation
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings, checked_executor
from recclaims.errors import RecclaimsError
from recclaims.store import Store

from .. import warm
from ..patience import PATIENCE
from .place import Place, wait_for

SELECTION = "logged-attributes-permuted or vbpr-attributes-twin-toy"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    found = Place(tmp_path_factory.mktemp("dask"))
    yield found
    found.end()


@pytest.fixture(scope="module")
def workers(place):
    """Two workers; the first says that it has a GPU."""
    started = [place.worker("--resources", "GPU=1"), place.worker()]
    wait_for(lambda: place.workers() == 2)  # a run shares an encoding among the workers that have joined when it begins
    return started


@pytest.fixture
def plugin(place, monkeypatch):
    """The plugin in this process, too."""
    monkeypatch.syspath_prepend(place.root / "site")
    monkeypatch.setenv("LOGGED_FILE", str(place.log.path))
    plugin_manager.registry.cache_clear()
    yield
    plugin_manager.registry.cache_clear()


@pytest.fixture
def peer():
    """Listens, and says what it is told to whoever connects: (bytes at once, then a pause between single ones)."""
    listener = socket.create_server(("127.0.0.1", 0))
    ends = threading.Event()

    def say(sent, pause=None, close=False):
        def serve():
            while not ends.is_set():
                with contextlib.suppress(OSError):
                    one, _ = listener.accept()
                    one.sendall(sent)
                    while pause and not ends.wait(pause):
                        one.sendall(b"\0")
                    if not close:
                        ends.wait()
                    one.close()

        threading.Thread(target=serve, daemon=True).start()
        return f"dask://127.0.0.1:{listener.getsockname()[1]}"

    yield say
    ends.set()
    listener.close()


STRANGERS = {
    "silent": (b"", {}, "0.5 seconds"),
    "slow": (b"", {"pause": 0.2}, "0.5 seconds"),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", {}, "not belong to Dask"),
    "garbage": (b"\x05" + b"\0" * 7 + b"hello", {}, "not belong to Dask"),
    "huge": (b"\xff" * 64, {}, "not belong to Dask"),
    "short": (b"\x40" + b"\0" * 7 + b"x", {}, "0.5 seconds"),
    "gone": (b"", {"close": True}, "closes the connection"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_scheduler_is_one_line_in_time(tmp_path, peer, monkeypatch, name):
    sent, options, fault = STRANGERS[name]
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_CONNECT", 0.5)
    executor = peer(sent, **options)
    settings = Settings(Profile.named("smoke"), replicates=1, executor=executor)
    pipeline = Pipeline(settings, plugin_manager.registry(), Store(tmp_path / "store"))
    address = executor.replace("dask", "tcp")
    started = time.monotonic()
    with pytest.raises(RecclaimsError) as caught, dask_cluster.open_cluster(pipeline):
        pass
    said = str(caught.value)
    assert address in said
    assert fault in said
    assert "`dask scheduler`" in said
    assert "\n" not in said
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("text", ["dask", "dask://", "dask://host", "dask://host:x", "tcp://host:1", "dask://h:1/x"])
def test_only_urls_of_dask_schedulers_are_taken(text):
    with pytest.raises(RecclaimsError, match="use 'local' or 'dask://HOST:PORT'"):
        checked_executor(text)
    assert checked_executor("dask://[::1]:8786") == "dask://[::1]:8786"


def test_no_scheduler_is_one_line_that_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_CONNECT", 0.5)
    pipeline = Pipeline(
        Settings(Profile("tiny"), 1, executor="dask://127.0.0.1:9"), plugin_manager.registry(), Store(tmp_path)
    )
    with pytest.raises(RecclaimsError, match=r"at tcp://127.0.0.1:9: start one with `dask scheduler --port 9`"):
        runner.run_cells(pipeline, [Cell("emoji?items=40&users=60", "bpr")])
    assert not list(tmp_path.glob("drafts/*"))


def test_encryption_is_asked_for_by_dasks_own_configuration(tmp_path, monkeypatch):
    import dask

    monkeypatch.setattr(dask_cluster, "SECONDS_TO_CONNECT", 0.5)
    pipeline = Pipeline(
        Settings(Profile("tiny"), 1, executor="dask://127.0.0.1:9"), plugin_manager.registry(), Store(tmp_path)
    )
    cell = Cell("emoji?items=40&users=60", "bpr")
    encrypted = dask.config.set({"distributed.comm.require-encryption": True})
    refused = pytest.raises(RecclaimsError, match=r"tls://127.0.0.1:9: TypeError: TLS expects a `ssl_context`")
    with encrypted, refused:
        runner.run_cells(pipeline, [cell])


def test_a_scheduler_without_workers_is_one_line_that_says_how_to_start_them(place, monkeypatch):
    monkeypatch.setattr(dask_cluster, "SECONDS_FOR_WORKERS", 0.5)
    with pytest.raises(RecclaimsError, match=rf"{place.address} has no worker: start some with `dask worker"):
        runner.run_cells(place.pipeline(), [Cell(str(place.data), "bpr")])


def test_a_worker_with_other_plugins_is_refused(place, workers):
    """The workers have a plugin that this process lacks."""
    with pytest.raises(RecclaimsError, match=r"plugin logged is logged 1\.0 there and not installed here: install"):
        runner.run_cells(place.pipeline(), [Cell(str(place.data), "bpr")])


def test_another_release_and_an_unseen_store_are_troubles(tmp_path):
    (tmp_path / "token").write_text("run")
    settings = Settings(Profile("tiny"), 1)
    good = Common(settings, Store(tmp_path), tmp_path, installation(), tmp_path / "token", "run")
    assert dask_cluster._trouble(good) is None
    older = replace(good, installation={**good.installation, "torch": "1.0", "code of recclaims": "abc"})
    trouble = dask_cluster._trouble(older)
    assert f"torch is {installation()['torch']} there and 1.0 here; code of recclaims is" in trouble
    for unseen in (replace(good, token=tmp_path / "elsewhere"), replace(good, run="another")):
        assert "cannot read and write the store" in dask_cluster._trouble(unseen)


def test_chunks_of_one_encoding_are_shared_by_all_workers(place, workers, plugin, monkeypatch):
    monkeypatch.chdir(place.data.parent)  # the workers started elsewhere
    place.log.ask_for_processes(2)
    pipeline = place.pipeline("chunks")
    cell = Cell("./data", "content-knn", "numbers")
    outcome = runner.run_cells(pipeline, [cell])
    assert outcome.results[cell].cell == cell
    chunks = {what: times for what, times in place.log.count("end").items() if what.startswith("chunk")}
    assert chunks == {f"chunk-{first}": 1 for first in range(0, 48, 6)}
    assert len(place.log.pids()) == 2
    features = pipeline.features("./data", "numbers").matrix
    assert features[:, 0].tolist() == list(range(48))


def test_a_worker_that_joins_later_has_its_share_of_an_encoding(place, workers, plugin, monkeypatch):
    monkeypatch.setattr(dask_cluster, "SECONDS_BETWEEN_LOOKS", 0.2)
    before = len(place.log.entries)
    pipeline = place.pipeline("joins-later")
    place.log.ask_for_processes(len(place.log.pids() | {worker.pid for worker in workers}) + 1)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(runner.run_cells, pipeline, [Cell(str(place.data), "content-knn", "numbers")])
        wait_for(lambda: len(place.log.entries) > before)
        third = place.worker()
        outcome = run.result()
    third.terminate()
    third.wait()
    wait_for(lambda: place.workers() == 2)
    assert not outcome.failures
    entries = place.log.entries[before:]
    assert third.pid in {pid for *_, pid, _ in entries}
    assert sorted(what for how, what, *_ in entries if how == "end") == sorted(f"chunk-{n}" for n in range(0, 48, 6))


def test_a_scheduler_that_dies_in_the_middle_is_one_line(tmp_path, plugin):
    place = Place(tmp_path / "dies")
    try:
        place.worker()
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(runner.run_cells, place.pipeline(), [Cell(str(place.data), "content-knn", "numbers")])
            wait_for(place.log.at_work)
            place.processes[0].kill()
            with pytest.raises(RecclaimsError, match=r"the Dask scheduler at .* is lost"):
                run.result(timeout=PATIENCE)
    finally:
        place.end()


def test_work_for_a_gpu_goes_to_a_worker_that_has_one(place, workers, plugin):
    outcome = runner.run_cells(place.pipeline("gpu", device="cuda"), [Cell(str(place.data), "vbpr", "numbers")])
    (failure,) = outcome.failures.values()  # it says that it has one, and it has none
    assert "nvidia" in failure.reason.lower() or "cuda" in failure.reason.lower()
    begun = [pid for how, what, pid, _ in place.log.entries if how == "begin"][-8:]
    assert set(begun) == {workers[0].pid}


def test_data_that_a_worker_does_not_see_as_it_is_here_is_refused(place, workers, plugin):
    pipeline = place.pipeline("changed")
    pipeline._datasets[str(place.data)] = replace(pipeline.dataset(str(place.data)), relevance=3.0)
    with pytest.raises(RecclaimsError, match=r"worker tcp://\S+: relevance of bpr none on .* is not the same there"):
        runner.run_cells(pipeline, [Cell(str(place.data), "bpr")])


def test_a_worker_with_two_threads_is_refused(place, workers, plugin):
    third = place.worker("--nthreads", "2")

    def joined():
        runner.run_cells(place.pipeline(f"threads-{time.monotonic_ns()}"), [Cell(str(place.data), "mostpop")])
        return False

    try:
        with pytest.raises(RecclaimsError, match="has 2 threads, but a cell needs a process with one: start it with"):
            wait_for(joined)
    finally:
        third.terminate()
        third.wait()


def test_a_run_outlives_a_worker_and_comes_to_what_it_comes_to_here(place, workers, tmp_path):
    """`pytest suite` with and without Dask; one of the workers is killed in the middle of a cell."""
    before = len(place.log.entries)

    def pytest_suite(store, *arguments):
        command = ["suite", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-k", SELECTION]
        command += ["-m", "not controls"]
        command += ["--claims-data", place.data, "--claims-profile", "smoke", "--claims-store", place.root / store]
        command += ["--claims-report", place.root / f"report-{store}", *arguments]
        return warm.Program("pytest", *command, env=place.environment, stderr=subprocess.STDOUT)

    run = pytest_suite("over-dask", "--claims-executor", place.executor)
    victim = workers[1].pid

    def victim_is_at_it():
        assert run.poll() is None, run.communicate()[0]
        return len(place.log.entries) > before + 5 and place.log.at_work() == victim

    wait_for(victim_is_at_it)
    os.kill(victim, signal.SIGKILL)
    lost = place.log.in_flight()[victim]
    output = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 0, output
    assert "25 cells: 25 trained, 0 from the store" in output
    entries = [entry for entry in place.log.entries[before:] if not entry[1].startswith("chunk")]
    done = [what for how, what, *_ in entries if how == "end"]
    begun = [what for how, what, *_ in entries if how == "begin"]
    assert len(done) == len(set(done)) == 10
    assert sorted(begun) == sorted([*done, lost]), "only what was lost is computed again"
    assert not place.log.twice_at_once(dead=[victim])

    here = pytest_suite("here", "--claims-workers", "0")
    output = here.communicate(timeout=PATIENCE)[0]
    assert here.returncode == 0, output
    over_dask, local = (
        json.loads((place.root / f"report-{store}" / "results.json").read_text()) for store in ("over-dask", "here")
    )
    measured = ("seconds", "peak_mb")
    strip = [
        {name: value for name, value in cell.items() if name not in measured}
        for document in (over_dask, local)
        for cell in document["cells"]
    ]
    half = len(strip) // 2
    key = lambda cell: cell["key"]  # noqa: E731
    assert sorted(strip[:half], key=key) == sorted(strip[half:], key=key)
    for path in (place.root / "here" / "cells").glob("*/*/rankings.npz"):
        assert path.read_bytes() == (place.root / "over-dask" / path.relative_to(place.root / "here")).read_bytes()
    assert over_dask["environment"]["cpu"] == local["environment"]["cpu"]
