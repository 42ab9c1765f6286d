"""Mappings that cannot be changed: one item is given to every encoder of a process."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ReadOnlyDict(dict[Key, Value]):
    """A dict, also to `json` and `isinstance`, that refuses to be changed; what copies or merges it is a plain one.

    Unlike a MappingProxyType it can be pickled and copied, as processes of a pool and Dask's workers do.
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("an item is shared by all encoders and read-only; change a copy, as in dict(item.attributes)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[Key, Value]]]:
        return type(self), (dict(self),)
