"""A class in a file of somebody's repository, read and not imported: what it imports, and which keys it reads."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recclaims.errors import RecclaimsError, UnknownNameError

#: How far above a file its repository's root is looked for.
LEVELS = 5
#: Modules of these names are never taken from a repository.
OURS = sys.stdlib_module_names | {"recclaims", "torch", "numpy", "scipy", "pandas", "recbole"}


@dataclass(frozen=True)
class Source:
    """A class, by its file.

    Attributes:
        file: its absolute path.
        root: the folder from which its imports are meant, as `src` of an MMRec clone.
        name: the class.
        files: the file and what it imports from there, POSIX paths relative to `root`, sorted.
        digest: SHA-256 of the names and contents of `files`.
        keys: the entries of its config that any of them reads by name.
        reads_others: whether some are read by a name that is not written there.
    """

    file: Path
    root: Path
    name: str
    files: tuple[str, ...]
    digest: str
    keys: tuple[str, ...]
    reads_others: bool

    @classmethod
    def of(cls, file: Path, name: str | None, methods: Sequence[str], where: str) -> Source:
        """Read a file and what it imports.

        Args:
            file: the file.
            name: the class; None: the only one that has `methods`.
            methods: what such a class has, itself or from another class of the file.
            where: what a person wrote, for messages.

        Raises:
            RecclaimsError: the file is missing or not valid Python, or has no such class, or several.
        """
        file = file.absolute()
        tree = _parsed(file, where)
        root = _root(file, tree)
        found = _closure(file, root, where)
        digest = hashlib.sha256()
        for path in sorted(found):
            digest.update(f"{path}\n".encode() + (root / path).read_bytes() + b"\n")
        named = [_keys(one) for one in found.values()]
        return cls(
            file,
            root,
            _class(tree, file, name, methods, where),
            tuple(sorted(found)),
            digest.hexdigest(),
            tuple(sorted({key for keys, _ in named for key in keys})),
            any(others for _, others in named),
        )

    @property
    def module(self) -> str:
        """The name that its module has among those of the repository."""
        parts = self.file.relative_to(self.root).with_suffix("").parts
        return ".".join(part if part.isidentifier() else re.sub(r"\W", "_", f"_{part}") for part in parts)


def _parsed(file: Path, where: str) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        raise RecclaimsError(f"{where}: {file} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise RecclaimsError(f"{where}: {file.name}{line} is not valid Python: {error.args[0]}") from None


def _root(file: Path, tree: ast.Module) -> Path:
    """The nearest folder above a file that holds something it imports; its own where none does."""
    names = {name.partition(".")[0] for name, level in _imports(tree, "") if level == 0} - OURS
    for folder in list(file.parents)[:LEVELS]:
        if folder.name in ("site-packages", "dist-packages"):
            break
        if any(_module(folder, [name]) or has_modules(folder / name) for name in names):
            return folder
        if (folder / ".git").exists():
            break
    return file.parent


def has_modules(folder: Path) -> bool:
    """Whether a folder is a package, with or without __init__.py."""
    return folder.is_dir() and next(folder.glob("**/*.py"), None) is not None


def _closure(file: Path, root: Path, where: str) -> dict[str, ast.Module]:
    """A file and all that it imports from under `root`, by relative path."""
    found: dict[str, ast.Module] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        relative = path.relative_to(root).as_posix()
        if relative in found:
            continue
        found[relative] = _parsed(path, where)
        package = list(path.relative_to(root).parts[:-1])
        for name, level in _imports(found[relative], ".".join(package)):
            parts = name.split(".") if name else []
            if level == 0 and parts and parts[0] in OURS:
                continue
            waiting += _files(root, parts)
    return found


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[str, int]]:
    """Full names of all that is imported anywhere in a module; where it is relative, with its level."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level and package else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base, node.level
            yield from ((f"{base}.{alias.name}" if base else alias.name, node.level) for alias in node.names)


def _files(root: Path, parts: Sequence[str]) -> Iterator[Path]:
    """The files that importing a dotted name runs, as far as they lie under `root`."""
    for count in range(1, len(parts) + 1):
        found = _module(root, parts[:count])
        if found:
            yield found


def _module(root: Path, parts: Sequence[str]) -> Path | None:
    place = root.joinpath(*parts)
    for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if path.is_file():
            return path
    return None


def _class(tree: ast.Module, file: Path, name: str | None, methods: Sequence[str], where: str) -> str:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if name is not None:
        if name not in classes:
            raise UnknownNameError.of("class", name, classes, where)
        return name
    found = [one for one in classes if _has_any(one, classes, methods)]
    found = found or [one for one in classes if one.lower() == file.stem.lower()]
    # One that another of them extends is there for that.
    used = {base.id for one in found for base in classes[one].bases if isinstance(base, ast.Name)}
    found = [one for one in found if one not in used] or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise RecclaimsError(f"{where}: {file.name} has no class with {' and '.join(methods)}")
    raise RecclaimsError(
        f"{where}: {file.name} has {len(found)} such classes, {', '.join(found)}; "
        f"name one, as in {file.name}:{found[0]}"
    )


def _has_any(name: str, classes: dict[str, ast.ClassDef], methods: Sequence[str]) -> bool:
    node = classes[name]
    own = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id != name]
    return bool(own & set(methods)) or any(base in classes and _has_any(base, classes, methods) for base in bases)


def _keys(tree: ast.Module) -> tuple[set[str], bool]:
    """What a module reads of a `config` by name, and whether it reads something by another expression."""
    keys, others = set(), False
    for node in ast.walk(tree):
        of, key = None, None
        if isinstance(node, ast.Subscript):
            of, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            of, key = node.func.value, node.args[0] if node.args else None
        if of is None or (getattr(of, "id", None) or getattr(of, "attr", None)) != "config":
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            keys.add(key.value)
        else:
            others = True
    return keys, others
