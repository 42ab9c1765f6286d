"""Build both archives, check them, and try the wheel as a user has it: in an empty folder, without the clone.

    python .ci/dist.py PYTHON [--keep DIR]   build, check, and try it with the libraries that PYTHON has
    python .ci/dist.py                       try what is installed beside this Python

Torch is installed no second time: with PYTHON, the wheel goes into a folder of its own in front of PYTHON's libraries.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JUDGED = {"supported", "contradicted", "no_difference", "inconclusive"}


def main(python: str | None, keep: Path | None) -> None:
    """Do what the first lines of this file say; raises CalledProcessError or SystemExit where something is wrong."""
    with tempfile.TemporaryDirectory() as place:
        empty = Path(place) / "empty"
        empty.mkdir()
        if python is None:
            try_out(sys.executable, Path(sys.prefix), empty, dict(os.environ))
            return
        wheel = build(keep or Path(place) / "dist")
        site = Path(place) / "site"
        _run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", site, wheel)
        try_out(python, site, empty, {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"})


def build(folder: Path) -> Path:
    """Build and check both archives; the wheel, which is built from the other."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"dist: {folder} is not empty")
    _run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    archives = sorted(folder.iterdir())
    _run(sys.executable, "-m", "twine", "check", "--strict", *archives)
    (wheel,) = (path for path in archives if path.suffix == ".whl")
    return wheel


def try_out(python: str, home: Path, empty: Path, environment: dict[str, str]) -> None:
    """Ask an installation that lies below `home` for its version and its state, and judge one case."""

    def ask(*arguments: str) -> str:
        command = [python, *arguments]
        done = subprocess.run(command, cwd=empty, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
        if done.returncode:
            sys.exit(f"{done.stdout}\ndist: exit code {done.returncode} of {' '.join(arguments)}")
        return done.stdout

    place = Path(ask("-c", "import recclaims; print(recclaims.__file__)").strip())
    if not place.is_relative_to(home):
        sys.exit(f"dist: {place} was tried instead of the wheel in {home}")
    program = "import sys; from recclaims.cli import main; sys.exit(main())"
    print(ask("-c", program, "--version").strip())
    print(ask("-c", program, "doctor").splitlines()[-1])
    collected = ask("-m", "pytest", "--pyargs", "recclaims.suite", "--collect-only", "-q", "-k", "freedom")
    print(collected.splitlines()[-1])
    selected = ("-k", "content-knn and attributes", "-m", "noise", "--claims-data", "emoji")
    ask("-m", "pytest", "--pyargs", "recclaims.suite", *selected, "--claims-profile", "smoke", "--claims-workers", "0")
    document = json.loads((empty / "reports" / "latest" / "results.json").read_text(encoding="utf-8"))
    verdicts = {case["case"]: case["verdict"] for case in document["claims"]}
    print(*(f"{verdict}: {case}" for case, verdict in verdicts.items()), sep="\n")
    if not verdicts or not set(verdicts.values()) <= JUDGED:
        sys.exit("dist: not every case was judged")


def _run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True)  # noqa: S603


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("python", nargs="?")
    parser.add_argument("--keep", type=Path)
    main(**vars(parser.parse_args()))
