"""What a test needs, as markers: torch, RecBole, processes of its own, minutes. Read from the files, not said in each.

A test module needs what it imports, and what those files of these tests and of this library import at their top. What
is imported late, inside a function of this library, shows when the test runs: where torch is not installed, a test
that comes to need it is skipped. That the floors which need no torch stay so is held by test_quick.py.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src"
#: Libraries by the marker of the tests that need them.
MARKERS = {
    "torch": "torch", "torchvision": "torch", "transformers": "torch", "sentence_transformers": "torch",
    "recbole": "recbole", "pandas": "recbole",  # which brings it
    "subprocess": "processes", "multiprocessing": "processes", "distributed": "processes",
}  # fmt: skip
#: What `tox -e quick` does not install; RecBole does not import without torch.
HEAVY = {library for library, marker in MARKERS.items() if marker in ("torch", "recbole")} | {"optuna"}
#: What comes to need a library in a function of this library and says so in words of its own.
LATE = {
    "calibration/test_calibration.py": "recbole",  # its bank is trained
    "data/test_beside.py::test_data_without_files_beside_keep_their_fingerprints": "recbole",  # ML-100K is one of them
    "data/test_folder.py::test_content_over_a_base": "recbole",  # ML-100K is a part of it
    "data/test_folder.py::test_strangers_to_the_base_are_shown": "recbole",
    "data/test_movielens.py": "recbole",
    "test_fuzz.py": "torch",
}
#: Folders and modules that take half a minute or more, and those whose tests take seconds each.
MINUTES = (
    "benchmarks", "calibration", "cluster", "faults", "recommenders/test_fit.py", "testing", "engine/test_local.py",
    "engine/test_processes.py", "engine/test_together.py", "features/test_mteb.py", "features/test_st.py",
    "judging/test_assignment.py", "judging/test_ranks.py",
    "lvlm/test_phi3_vision.py",
    "planning/test_every_claim_runs.py", "planning/test_order.py", "test_docs.py", "test_evaluate.py",
    "test_pytest_face.py", "test_third_party.py",
)  # fmt: skip


def light() -> bool:
    """Whether torch is not installed."""
    return importlib.util.find_spec("torch") is None


def kinds(path: Path, test: str = "") -> set[str]:
    """The markers of a test, or of all tests in a module of these tests."""
    late = LATE.get(f"{path.relative_to(TESTS).as_posix()}::{test}")
    return {*_of_module(path), *filter(None, [late])}


@functools.cache
def _of_module(path: Path) -> frozenset[str]:
    here = path.relative_to(TESTS)
    found = {*_needs(path), *filter(None, [LATE.get(here.as_posix())])}
    for folder in here.parents:
        found |= of_folder(TESTS / folder)
    if any(here.is_relative_to(slow) for slow in MINUTES):
        found.add("minutes")
    return frozenset(found)


def of_folder(folder: Path) -> frozenset[str]:
    """The markers of all tests in a folder: what its conftest.py needs."""
    conftest = folder / "conftest.py"
    return _needs(conftest) if folder != TESTS and conftest.is_file() else frozenset()


@functools.cache
def _needs(path: Path) -> frozenset[str]:
    """Markers of what is imported by a file and by all that it leads to."""
    found, seen, waiting = set(), {path}, [path]
    while waiting:
        markers, files = _of_file(waiting.pop())
        found |= markers
        waiting += files - seen
        seen |= files
    return frozenset(found)


@functools.cache
def _of_file(path: Path) -> tuple[frozenset[str], frozenset[Path]]:
    """Markers of what a file imports itself, and the files of these tests and of this library that it imports."""
    names = _imported(path)
    markers = {marker for name in names if (marker := MARKERS.get(name.split(".")[0]))}
    if not path.is_relative_to(TESTS):
        # Only a test starts a process when it imports what can: this library does in some of its functions.
        markers.discard("processes")
    return frozenset(markers), frozenset(filter(None, map(_file, names)))


def _imported(path: Path) -> tuple[str, ...]:
    """Names of modules, absolute: of a test's file all, of this library's what stands at the top."""
    tree = ast.parse(path.read_bytes())
    ours = path.is_relative_to(TESTS)
    root = TESTS.parent if ours else SOURCE
    package = list(path.relative_to(root).parent.parts)
    names = []
    for node in ast.walk(tree) if ours else _at_the_top(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _at_the_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement that an import runs; not the bodies of functions, nor what only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _at_the_top(node)


@functools.cache
def _file(name: str) -> Path | None:
    """The file of a module of these tests or of this library."""
    root = {"tests": TESTS.parent, "recclaims": SOURCE}.get(name.split(".", maxsplit=1)[0])
    if root is None:
        return None
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
