"""Encoders, recommenders, datasets and claims that a program brings as objects, beside what is installed."""

from __future__ import annotations

import hashlib
import inspect
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from recclaims.errors import RecclaimsError, one_line
from recclaims.offers import factory_of
from recclaims.plugin_manager import Registry

#: Of a class without a file, as one of a notebook: a name that lasts as long as the class.
_LIVES: WeakKeyDictionary[type, str] = WeakKeyDictionary()


@dataclass(frozen=True)
class OwnObjects:
    """Objects by kind, each with a `name`; `origin` says by what the store knows them, in every process."""

    objects: Mapping[str, Sequence[Any]]
    origin: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, **objects: Sequence[Any]) -> OwnObjects:
        """Take objects by kind (encoders, recommenders, datasets, claims).

        Raises:
            RecclaimsError: one cannot be used; says what to write instead.
        """
        origin = {}
        for kind, several in objects.items():
            for one in several:
                origin[kind, factory_of(kind, one).name] = f"object {_known_as(one)}"
        return cls(objects, origin)

    def beside(self, installed: Registry) -> Registry:
        """A registry that has these, too; `installed` stays as it is.

        Raises:
            RecclaimsError: one has the name of something else.
        """
        kinds: dict[str, dict[str, Any]] = {kind: dict(getattr(installed, kind)) for kind in self.objects}
        for kind, several in self.objects.items():
            for one in several:
                if one.name in kinds[kind]:
                    owner = installed.origin.get((kind, one.name), "this program")
                    raise RecclaimsError(
                        f"{kind.removesuffix('s')} '{one.name}': {owner} already has one of that name; choose another"
                    )
                kinds[kind][one.name] = factory_of(kind, one)
        both = replace(installed, origin={**installed.origin, **self.origin}, own=self)
        for kind, found in kinds.items():
            setattr(both, kind, found)
        return both

    def joined(self, other: OwnObjects) -> OwnObjects:
        """These and others."""
        kinds = dict.fromkeys([*self.objects, *other.objects])
        objects = {kind: [*self.objects.get(kind, ()), *other.objects.get(kind, ())] for kind in kinds}
        return OwnObjects(objects, {**self.origin, **other.origin})

    def packed(self) -> bytes:
        """As bytes for another process of this program.

        Raises:
            RecclaimsError: an object holds what cannot be sent, as an open file or a lock.
        """
        try:
            return _written(self)
        except Exception as error:  # whatever an object of somebody else's raises
            raise RecclaimsError(
                f"an encoder or recommender cannot be sent to another process: {one_line(error)}; use workers=0"
            ) from error


def with_own(installed: Registry, packed: bytes | None) -> Registry:
    """A registry that has what another process of this program has packed; None: nothing.

    Raises:
        RecclaimsError: a module that an object needs cannot be imported here.
    """
    import pickle

    if packed is None:
        return installed
    try:
        own: OwnObjects = pickle.loads(packed)  # noqa: S301 - from the process that started this one
    except Exception as error:
        raise RecclaimsError(
            f"a worker cannot load an encoder or recommender of this program: {one_line(error)}"
        ) from error
    return own.beside(installed)


def _written(what: Any) -> bytes:
    """As bytes, classes of scripts and notebooks by their code."""
    import cloudpickle

    written: bytes = cloudpickle.dumps(what)
    return written


def _known_as(one: Any) -> str:
    """By what the store knows an object: its code and its state, so that a changed one is never taken for the old."""
    state = vars(one) if hasattr(one, "__dict__") else {}
    digest = hashlib.sha256()
    for part in dict.fromkeys(
        [_code(type(one)), *(_code(value) for value in state.values() if isinstance(value, type))]
    ):
        digest.update(part.encode() + b"\n")
    try:
        digest.update(_written({key: _plain(value) for key, value in state.items()}))
    except Exception:  # it cannot be written down, so that no other object is known to be the same
        digest.update(uuid.uuid4().bytes)
    return digest.hexdigest()[:16]


def _plain(value: Any) -> Any:
    return _code(value) if isinstance(value, type) else dict(value) if isinstance(value, Mapping) else value


def _code(kind: type) -> str:
    """What says that a class's code is the same: the text of its file; without one, the class itself."""
    try:
        text = Path(inspect.getfile(kind)).read_bytes()
    except (OSError, TypeError):
        return f"{kind.__qualname__} {_LIVES.setdefault(kind, uuid.uuid4().hex)}"
    return f"{kind.__qualname__} {hashlib.sha256(text).hexdigest()}"
