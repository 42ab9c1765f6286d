"""How pytest collects the suite: by the names that a wheel gives its modules, so that no other `suite` is in the way.

By itself pytest would import `suite.test_noise` of a clone, which ends the run where the owner of the repository around
it, or of the one that it is run from, has a package of that name.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from recclaims.resources import shipped


class SuiteModule(pytest.Module):
    """A module of the suite."""

    def _getobj(self) -> ModuleType:
        return importlib.import_module(f"recclaims.suite.{self.path.stem}")


def _is_suite(folder: Path) -> bool:
    return folder.name == "suite" and folder.resolve() == shipped("suite")


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Dir | None:
    """The folder of the suite as a folder: as a package, pytest would import it by its bare name."""
    return pytest.Dir.from_parent(parent, path=path) if _is_suite(path) else None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A module of the suite by its own name."""
    return SuiteModule.from_parent(parent, path=module_path) if _is_suite(module_path.parent) else None
