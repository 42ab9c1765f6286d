"""Programs in processes of their own, without the seconds that imports take.

One process imports what a session of the suite uses of other libraries, computes nothing, and forks: each fork becomes
`python -m MODULE ARGUMENTS` with the environment that it is given. This library itself is imported anew in every fork,
as are pytest's plugins. What other libraries read from the environment when they are imported (OMP_NUM_THREADS,
HF_HUB_OFFLINE) is that of these tests; a test in which such a variable, or what is imported, matters, starts a
process in the common way.
"""

import atexit
import contextlib
import functools
import gc
import hashlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What sessions import late; nothing that pytest rewrites, or whose threads would be missed (polars starts those that
#: compute when it is first used).
LIBRARIES = (
    "filelock", "httpx2", "jinja2", "matplotlib.backends.backend_svg", "matplotlib.pyplot", "optuna", "pandas",
    "PIL.Image", "polars", "pyarrow.parquet", "pydantic.main", "pytest", "recbole.config", "recbole.data.dataset",
    "recbole.data.dataloader", "recbole.model.general_recommender", "recbole.trainer.trainer", "rich.console",
    "scipy.stats", "similaripy", "sklearn.linear_model", "tabulate", "torch", "torch._dynamo", "torchvision.transforms",
)  # fmt: skip


class Starter:
    """The process that forks; ended with the process that asks it."""

    def __init__(self):
        command = [sys.executable, "-m", "tests.warm"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._one_at_a_time = threading.Lock()

    def ask(self, what, given):
        """`start` a program, which gives its process; `look` whether one has ended: its exit status, or None."""
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps([what, given]) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def end(self):
        """Close its input, which ends it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@functools.cache
def _starter():
    starter = Starter()
    atexit.register(starter.end)
    return starter


class Program:
    """`python -m module arguments`, begun in a fork; with the methods of subprocess.Popen."""

    def __init__(self, module, *arguments, cwd=ROOT, env=None, stderr=None):
        self._place = tempfile.TemporaryDirectory()
        out = Path(self._place.name) / "stdout"
        self._streams = [out] if stderr == subprocess.STDOUT else [out, out.with_name("stderr")]
        self.args = [module, *map(str, arguments)]
        asked = {
            "module": module,
            "arguments": self.args[1:],
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
            "streams": [str(self._streams[0]), str(self._streams[-1])],
        }
        self.pid, self.returncode = _starter().ask("start", asked), None

    def poll(self):
        """Its exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = _starter().ask("look", self.pid)
            if self.returncode is not None:
                self._said = [path.read_text(errors="replace") if path.exists() else "" for path in self._streams]
                self._place.cleanup()
        return self.returncode

    def wait(self, timeout=None):
        """Its exit status once it has ended; raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + (timeout or 1e9)
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return self.returncode

    def communicate(self, timeout=None):
        """Wait for its end; what it said to stdout, and to stderr where that is apart."""
        self.wait(timeout)
        return (*self._said, None)[:2]

    def send_signal(self, number):
        """As `kill NUMBER`."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def begin(code, place, *arguments, **environment):
    """Begin a program of this code, which is written to a folder; these tests are on its path."""
    name = f"program_{hashlib.sha256(code.encode()).hexdigest()[:8]}"
    (Path(place) / f"{name}.py").write_text(code)
    path = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])
    return Program(name, *arguments, env={**os.environ, **environment, "PYTHONPATH": path})


def run(module, *arguments, cwd=ROOT, env=None):
    """Run `python -m module arguments` to its end, as subprocess.run does with its output captured as text."""
    program = Program(module, *arguments, cwd=cwd, env=env)
    said = program.communicate()
    return subprocess.CompletedProcess(program.args, program.returncode, *said)


def _become(asked):
    """Take the place of a fresh interpreter that was asked for a module."""
    for descriptor, path in ((0, os.devnull), *zip((1, 2), asked["streams"], strict=True)):
        opened = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [asked["cwd"], *paths, *(path for path in sys.path[1:] if path not in before)]
    importlib.invalidate_caches()
    sys.argv[:] = [asked["module"], *asked["arguments"]]
    # These are imported anew, as nobody should think that `tests` is on every user's path.
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    status = 0
    try:
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    except SystemExit as exit_:
        status = exit_.code
        if not isinstance(status, int | None):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    _end(status or 0)


def _end(status):
    """End as an interpreter does, but without taking so many modules to pieces, which takes a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main():
    """Import, then answer each line of the input with a line; in a fork, return what it is to become."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries' files, as they are imported
        for name in LIBRARIES:
            importlib.import_module(name)
    gc.freeze()
    answers = os.dup(1)
    for line in sys.stdin:
        what, given = json.loads(line)
        if what == "look":
            ended, status = os.waitpid(given, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        else:
            answer = os.fork()
            if answer == 0:
                os.close(answers)
                return given
        os.write(answers, f"{json.dumps(answer)}\n".encode())
    return None


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        if asked := main():
            _become(asked)
