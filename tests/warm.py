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
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What sessions import late; nothing that pytest rewrites or that starts a thread.
LIBRARIES = (
    "matplotlib.pyplot", "optuna", "pandas", "PIL.Image", "pydantic", "pytest", "recbole.config",
    "recbole.trainer.trainer", "rich.console", "scipy.stats", "similaripy", "sklearn.linear_model", "torch",
    "torch._dynamo", "torchvision.transforms",
)  # fmt: skip


class Starter:
    """The process that forks; ended with the process that asks it."""

    def __init__(self):
        command = [sys.executable, "-m", "tests.warm"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, asked):
        """Have one fork run to its end; its exit status, negative for a signal."""
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

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


def run(module, *arguments, cwd=ROOT, env=None):
    """Run `python -m module arguments` to its end, as subprocess.run does with its output captured as text."""
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("stdout", "stderr")]
        asked = {
            "module": module,
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
            "streams": [str(path) for path in streams],
        }
        code = _starter().run(asked)
        said = [path.read_text(errors="replace") for path in streams]
    return subprocess.CompletedProcess([module, *asked["arguments"]], code, *said)


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
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)


def main():
    """Import, then fork once for each line of the input; answer with a line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries' files, as they are imported
        for name in LIBRARIES:
            importlib.import_module(name)
    gc.freeze()
    answers = os.dup(1)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(answers)
            return json.loads(line)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(answers, f"{status}\n".encode())
    return None


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        if asked := main():
            _become(asked)
