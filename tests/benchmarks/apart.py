"""A program in a process of its own, since peak memory is a process's: a fresh one where it is measured."""

import json
import os
import subprocess
import sys
import tempfile

from .. import warm
from .size import WHOLE


def run_apart(code, *arguments, **environment):
    """Run Python code with arguments; the JSON that it prints last."""
    if WHOLE:
        paths = [str(warm.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=warm.ROOT, env=env, capture_output=True, text=True, check=False)
        status, said, error = done.returncode, done.stdout, done.stderr
    else:
        with tempfile.TemporaryDirectory() as place:
            program = warm.begin(code, place, *arguments, **environment)
            said, error = program.communicate()
            status = program.returncode
    assert status == 0, error
    return json.loads(said.splitlines()[-1])
