"""`recbole:MODULE:CLASS` and `cornac:MODULE:CLASS`: classes that can be imported, declared without importing them."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from recclaims.errors import RecclaimsError
from recclaims.interop.foreign.declaration import CONSTANT, OWN_KEYS, ForeignRecommender, switch_of
from recclaims.interop.foreign.settings import ONE_STATE, RENAMED, value_of
from recclaims.interop.foreign.source import Source

#: By library, what its classes have.
LIBRARIES = {"recbole": ("calculate_loss", "predict", "full_sort_predict"), "cornac": ("fit", "score")}
_EXAMPLES = {"recbole": "recbole:my_package.model:Mine", "cornac": "cornac:cornac.models.vbpr.recom_vbpr:VBPR"}
#: Raised when the same class would be trained or scored otherwise.
VERSION = "1"


@dataclass(frozen=True)
class ModuleRecommender(ForeignRecommender):
    """A class in a module.

    Attributes:
        module: its name.
        place: the folder on the path where it was found.
        given: the settings that the reference has.
    """

    module: str = ""
    place: str = ""
    given: tuple[str, ...] = ()

    def __call__(self) -> type:
        """Return what RecBole takes for a model, made of the class."""
        # Only now: it imports torch and RecBole.
        made: type = importlib.import_module(f"recclaims.interop.foreign.{self.library}_model").model_of(self)
        return made

    def imported(self) -> Any:
        """The class."""
        if self.place not in sys.path:
            sys.path.append(self.place)
        return getattr(importlib.import_module(self.module), self.known.name)


def open_module(library: str, reference: str) -> ModuleRecommender:
    """Open `LIBRARY:MODULE:CLASS[?key=value&name=NAME&twin=key:value]`.

    Args:
        library: one of LIBRARIES.
        reference: what a person wrote.

    Raises:
        RecclaimsError: there is no such module or class.
    """
    place, _, query = reference.removeprefix(f"{library}:").partition("?")
    module, _, name = place.partition(":")
    if not all(part.isidentifier() for part in module.split(".")):
        raise RecclaimsError(f"{reference}: write {library}:MODULE:CLASS, as in {_EXAMPLES[library]}")
    folder, file = _found(module, library, reference)
    source = Source.of(file, name or None, LIBRARIES[library], reference)
    texts = dict(parse_qsl(query, keep_blank_values=True))
    called, config, twin = (texts.pop(key, None) for key in OWN_KEYS)
    if config is not None:
        raise RecclaimsError(f"{reference}: config=FILE is for mmrec: classes; write each setting as KEY=VALUE")
    given = {RENAMED.get(key, key): value_of(text) for key, text in texts.items()}
    switch = switch_of(twin, None, reference)
    return ModuleRecommender(
        called or f"{library}-{source.name.lower()}",
        version=" ".join([VERSION, source.digest[:16], *_installed(library)]),
        model=f"{library}:{module}:{source.name}",
        parameters=given,
        fixed={**ONE_STATE, **given, **({"epochs": 1, "eval_step": 1} if library == "cornac" else {})},
        trains_itself=library == "cornac",
        separates=True,
        apart=library == "recbole",
        stand_in=None if switch else CONSTANT,
        reference=reference,
        source=source,
        switch=switch,
        library=library,
        module=module,
        place=str(folder),
        given=tuple(given),
    )


def _found(module: str, library: str, reference: str) -> tuple[Path, Path]:
    """The folder on the path and the file of a module: looked for by name, so that no package is imported."""
    parts = module.split(".")
    for folder in _path():
        place = folder.joinpath(*parts)
        for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if file.is_file():
                return folder, file
    if parts[0] == library:
        if not _installed(library):
            raise RecclaimsError(f"{reference}: {library} is not installed: pip install {library}")
        raise RecclaimsError(f"{reference}: {library} has no module {module}")
    raise RecclaimsError(
        f"{reference}: there is no module {module} here or on Python's path; set PYTHONPATH to its folder"
    )


def _path() -> Iterator[Path]:
    yield from (Path(folder) for folder in dict.fromkeys([*sys.path, str(Path.cwd())]) if folder)


def _installed(library: str) -> list[str]:
    """What is installed of a library that no key has a version of otherwise."""
    try:
        return [f"{library}-{importlib.metadata.version(library)}"]
    except importlib.metadata.PackageNotFoundError:
        return []
