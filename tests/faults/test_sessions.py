"""A session of pytest that is stopped, or whose disk is full."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from recclaims.cli import main
from recclaims.errors import StoreError
from recclaims.store import Store
from recclaims.store_check import check

from .. import warm
from ..long_form import LONG
from ..patience import PATIENCE
from ..test_pytest_face import ROOT
from ..toy import write_toy

#: Each imports everything in processes of its own.
LONG_ONLY = pytest.mark.skipif(not LONG, reason="slow: set RECCLAIMS_SOAK=1")

#: Seconds in which a session ends, however busy the machine; 200 replicates take longer.
AT_ONCE = 120

pytestmark = pytest.mark.soak


def _command(place, *arguments):
    return [
        *(sys.executable, "-m", "pytest", "suite", "-p", "no:cacheprovider", "-k", "freedom-attributes-permuted"),
        *("--claims-data", str(place / "data"), "--claims-profile", "smoke", "-m", "noise"),
        *("--claims-store", str(place / "store"), "--claims-report", str(place / "report"), *arguments),
    ]


def _children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout  # noqa: S607
    return [int(child) for child in found.split()]


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("stop", "workers", "code"),
    [
        pytest.param(signal.SIGINT, "0", 130, id="SIGINT", marks=LONG_ONLY),
        pytest.param(signal.SIGTERM, "1", 143, id="SIGTERM"),
        pytest.param(signal.SIGKILL, "2", -9, id="SIGKILL", marks=LONG_ONLY),
    ],
)
def test_a_session_that_is_stopped_ends_at_once_and_keeps_what_is_finished(tmp_path, stop, workers, code):
    write_toy(tmp_path / "data")
    command = _command(tmp_path, "--claims-workers", workers, "--claims-seeds", "200")
    process = warm.Program(*command[2:], stderr=subprocess.STDOUT)
    deadline = time.monotonic() + PATIENCE
    while len([*tmp_path.glob("store/cells/*/*")]) < 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = _children(process.pid)
    process.send_signal(stop)
    stopped = time.monotonic()
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == code, output
    while any(map(_alive, children)):
        assert time.monotonic() < stopped + AT_ONCE, "a worker has outlived its session"
        time.sleep(0.05)
    assert time.monotonic() - stopped < AT_ONCE
    if stop != signal.SIGKILL:
        assert "Traceback" not in output
        assert len(re.findall(f"stopped by {stop.name}; finished cells are in the store", output)) == 1
    store = Store(tmp_path / "store")
    finished = check(store)
    assert finished.whole["cells"] >= 2
    assert not finished.damaged
    store.sweep()
    assert not [*tmp_path.glob("store/drafts/*")]
    assert not [*tmp_path.glob("report/*")]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one mebibyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def _fill(place, leave):
    """Fill a file system up to so many bytes."""
    with (place / "filler").open("wb") as file:
        room = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        file.write(b"x" * (room - leave))
    return place / "filler"


def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(small_disk):
    import numpy as np

    store = Store(small_disk / "store")
    store.save("cells", {"seed": 0}, {"facts": {}})
    with pytest.raises(StoreError, match="cannot be written: No space left on device") as caught:
        store.save("features", {}, {"matrix": np.zeros((1024, 512), np.float32)})
    assert "\n" not in str(caught.value)
    assert not [*store.root.glob("drafts/*")]
    assert store.find("features", {}) is None
    assert store.find("cells", {"seed": 0}) is not None


def test_encode_and_report_on_a_full_disk_are_one_line_and_work_when_there_is_room(small_disk, tmp_path, capsys):
    data = write_toy(tmp_path / "data")
    filler = _fill(small_disk, leave=8192)
    encode = ["encode", "attributes", "--data", str(data), "--store", str(small_disk / "store")]
    assert main(encode) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No space left on device" in error
    assert not [*small_disk.glob("store/drafts/*")]
    filler.unlink()
    assert main(encode) == 0
    filler = _fill(small_disk, leave=4096)
    capsys.readouterr()
    results = ROOT / "reports" / "baseline" / "smoke.json"
    page = small_disk / "page.html"
    assert main(["report", str(results), "--format", "html", "--output", str(page)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not [*small_disk.glob(".page*"), *small_disk.glob("page*")]
    filler.unlink()
    assert main(["report", str(results), "--format", "html", "--output", str(page)]) == 0
    assert page.read_text().rstrip().endswith("</html>")


@LONG_ONLY
def test_a_session_on_a_full_disk_is_told_and_goes_on_when_there_is_room(small_disk, tmp_path):
    write_toy(tmp_path / "data")
    command = _command(tmp_path, "--claims-workers", "0", "--claims-seeds", "2")
    command[command.index("freedom-attributes-permuted")] = "content-knn-attributes-permuted"
    command[command.index(str(tmp_path / "store"))] = str(small_disk / "store")
    command[command.index(str(tmp_path / "report"))] = str(small_disk / "report")
    filler = _fill(small_disk, leave=12 * 4096)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "No space left on device" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not [*small_disk.glob("store/drafts/*"), *small_disk.glob("report/.*")]
    filler.unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stdout
    (case,) = json.loads((small_disk / "report" / "results.json").read_text())["claims"]
    assert case["n_seeds"] == 2
