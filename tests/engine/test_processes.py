"""Tasks in processes of this machine: order, errors, deaths, and that nothing is left running."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recclaims.engine.execute.processes import in_processes
from recclaims.errors import CellError, RecclaimsError

ROOT = Path(__file__).parents[2]


def slow_first(task):
    time.sleep(3 if task == 0 else 0)  # longer than another process may take to start on a busy machine
    return task * task, os.getpid(), os.environ["OMP_NUM_THREADS"]


def refuse(task):
    if task == 1:
        raise CellError("one is refused")
    return task


def divide(task):
    return 1 / task


def die(folder, task):
    """End this process at task 1, as many times as a file says."""
    left = Path(folder, "left")
    if task == 1 and (times := int(left.read_text())):
        left.write_text(str(times - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def sleep(folder, task):
    Path(folder, f"{os.getpid()}.pid").touch()
    time.sleep(60)


def pids(folder):
    return [int(path.stem) for path in Path(folder).glob("*.pid")]


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_answers_are_in_the_order_of_tasks_and_told_as_they_are_done():
    told = []
    answers = in_processes(slow_first, range(4), 2, lambda task, answer: told.append((task, answer[0])))
    assert [answer[0] for answer in answers] == [0, 1, 4, 9]
    assert told[-1] == (0, 0)
    assert sorted(told) == [(0, 0), (1, 1), (2, 4), (3, 9)]
    assert os.getpid() not in {answer[1] for answer in answers}
    assert {answer[2] for answer in answers} == {"1"}
    assert in_processes(slow_first, [], 2) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_the_worker_s(workers):
    with pytest.raises(CellError, match="one is refused"):
        in_processes(refuse, range(3), workers)
    with pytest.raises(
        RecclaimsError, match=r"^ZeroDivisionError: division by zero \(test_processes.py:\d+\)$"
    ) as seen:
        in_processes(divide, [1, 0], workers)
    assert "ZeroDivisionError" in repr(seen.value.__cause__)
    assert "return 1 / task" in str(seen.value.__cause__) or workers == 0


def test_a_task_whose_worker_dies_is_performed_once_more(tmp_path):
    left = tmp_path / "left"
    left.write_text("1")
    assert in_processes(functools.partial(die, str(tmp_path)), range(3), 2) == [0, 1, 2]
    left.write_text("2")
    with pytest.raises(RecclaimsError, match="died twice while computing it, killed by SIGKILL"):
        in_processes(functools.partial(die, str(tmp_path)), range(3), 2)


def test_what_is_raised_here_ends_the_workers(tmp_path):
    def stop(task, answer):
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_processes(functools.partial(sleep_but_for_0, str(tmp_path)), range(3), 2, stop)
    assert time.monotonic() - begun < 30
    assert not any(map(is_running, pids(tmp_path)))


def sleep_but_for_0(folder, task):
    if task:
        sleep(folder, task)


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_program(order, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import functools\n"
        "from recclaims.engine.execute.processes import in_processes\n"
        "from tests.engine.test_processes import sleep\n"
        f"in_processes(functools.partial(sleep, {str(tmp_path)!r}), range(2), 2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    program = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(pids(tmp_path)) == 2, 60)
    program.send_signal(order)
    _, said = program.communicate(timeout=20)
    assert ("KeyboardInterrupt" in said) == (order is signal.SIGINT)
    wait_until(lambda: not any(map(is_running, pids(tmp_path))))
