"""Import a class from somebody's repository, whose modules have names that others have, too (`utils`, `common`)."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from recclaims.errors import CellError, NotAvailableError
from recclaims.interop.foreign.source import OURS, Source, has_modules

#: One at a time: what is swapped belongs to the whole process.
_TURN = threading.RLock()


class Clone:
    """The modules of one repository: there while it is entered, out of everybody's way otherwise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, ModuleType] = {}
        self._depth = self._inside = self._outside = 0
        self._names: list[str] = []
        self._others: dict[str, ModuleType] = {}
        # Asked for every module of the process.
        self._tops: dict[str, bool] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a top-level module of the repository before anybody else's of that name; see importlib."""
        if path is not None or not self._is_mine(name):
            return None
        found = PathFinder.find_spec(name, [str(self.root)])
        if found is not None and found.loader is None:
            # A folder without __init__.py: of this repository alone, not of all that is on the path.
            found = ModuleSpec(name, None, is_package=True)
            found.submodule_search_locations = [str(self.root / name)]
        return found

    def _is_mine(self, name: str) -> bool:
        top = name.partition(".")[0]
        if top not in self._tops:
            own = (self.root / f"{top}.py").is_file() or has_modules(self.root / top)
            self._tops[top] = own and top not in OURS
        return self._tops[top]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Let imports mean this repository's modules."""
        with _TURN:
            if self._depth == 0:
                self._swap_in()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._swap_out()

    def present(self) -> dict[str, ModuleType]:
        """Its modules that are imported, while it is entered."""
        return {name: module for name, module in sys.modules.items() if self._is_mine(name)}

    def _swap_in(self) -> None:
        if len(sys.modules) != self._outside:  # entered for every batch: nothing is looked through in vain
            self._names = [name for name in sys.modules if self._is_mine(name)]
            self._outside = len(sys.modules)
        self._others = {name: sys.modules.pop(name) for name in self._names if name in sys.modules}
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self)
        self._inside = len(sys.modules)

    def _swap_out(self) -> None:
        sys.meta_path.remove(self)
        if len(sys.modules) != self._inside:
            self.modules = self.present()
        for name in self.modules:
            sys.modules.pop(name, None)
        sys.modules.update(self._others)


_CLONES: dict[tuple[Path, str], Clone] = {}
_CLASSES: dict[tuple[Path, str, str], type] = {}


def clone_of(source: Source) -> Clone:
    """The modules of a source's repository as it is; one that was changed is another."""
    return _CLONES.setdefault((source.root, source.digest), Clone(source.root))


def class_of(source: Source, again: Source) -> type:
    """Import a source's class.

    Args:
        source: as it was when its digest became part of a key.
        again: the same, read just now.

    Raises:
        NotAvailableError: its files are not what they were.
        CellError: it imports what its key does not cover.
    """
    key = source.file, source.name, source.digest
    if key in _CLASSES:
        return _CLASSES[key]
    if again.digest != source.digest:
        raise NotAvailableError(f"{source.file.name}, or a file it imports, changed during the run; run it again")
    clone = clone_of(source)
    kept = sys.dont_write_bytecode
    with clone.entered():
        sys.dont_write_bytecode = True
        try:
            found: type = getattr(_imported(source), source.name)
        finally:
            sys.dont_write_bytecode = kept
        modules = clone.present()
    covered = {str(source.root / file) for file in source.files}
    for module in modules.values():
        file = getattr(module, "__file__", None)
        if file is not None and file not in covered:
            raise CellError(
                f"{source.file.name} imports {module.__name__} without an import statement, so its key would not "
                f"cover that code; write `import {module.__name__}`"
            )
    return _CLASSES.setdefault(key, found)


def _imported(source: Source) -> ModuleType:
    name = source.module
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, source.file)
    assert spec is not None  # noqa: S101 - a .py file has a loader
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
