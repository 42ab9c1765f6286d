"""Tests may run side by side (-n 2); the sessions that they start must not take themselves for a part of that."""

import os
import re
import sys
from pathlib import Path

import pytest

from .drawing import load_profile
from .kinds import HEAVY, TESTS, kinds, light, of_folder

# Here, not in a hook: a test's settings take the profile that is loaded when its module is imported.
load_profile()


def pytest_configure(config):
    # Here and not in pyproject.toml, which a user's `pytest suite` in a clone reads, too.
    config.addinivalue_line("filterwarnings", "error")
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
        del os.environ[name]


def pytest_ignore_collect(collection_path, config):
    """Do not import modules of which `-m "not X and not Y"` selects nothing, nor such as lack torch."""
    if not collection_path.is_relative_to(TESTS):
        return None
    asked = config.option.markexpr
    unwanted = set(re.findall(r"not (\w+)", asked)) if re.fullmatch(r"not \w+( and not \w+)*", asked) else set()
    if light():
        unwanted |= {"torch", "recbole"}
    found = of_folder(collection_path) if collection_path.is_dir() else kinds(collection_path)
    return True if unwanted & found else None


def pytest_itemcollected(item):
    """Mark a test with what it needs."""
    for name in kinds(item.path, getattr(item, "originalname", item.name)):
        item.add_marker(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that of processes side by side none has a long one left at the end."""
    items.sort(key=lambda item: item.get_closest_marker("minutes") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where torch is not installed, a test that comes to need it is skipped."""
    error = call.excinfo.value if call.excinfo else None
    while error is not None and light():
        if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] in HEAVY:
            try:
                pytest.skip(f"needs {error.name}")
            except pytest.skip.Exception as skipped:
                call.excinfo = pytest.ExceptionInfo.from_exception(skipped)
            break
        error = error.__cause__ or error.__context__
    return (yield)


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """The test's own folder, from which it may import; no other test meets what it wrote there."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")  # asking a lazy one for it may import more
        if isinstance(file, str) and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
