"""What an object that somebody else wrote says of itself: the one place where an attribute may be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from recclaims.errors import RecclaimsError


class Rule(NamedTuple):
    """What a declared value has to be, how it is written, and what it becomes."""

    fits: Callable[[Any], bool]
    example: str
    become: Callable[[Any], Any] = lambda value: value

    def read(self, name: str, value: Any, who: str, error: type[RecclaimsError]) -> Any:
        """The value of `name`; raises `error` in one line that names whose it is and says what to write."""
        if not self.fits(value):
            raise error(f"{who} has {name} {value!r}; write for example {name} = {self.example}")
        return self.become(value)


def said(of: Any, name: str) -> Any:
    """The attribute `name` of an object or a class; None where it says nothing.

    What a class only has for its objects, a property or a method, is not said by the class.
    """
    value = getattr(of, name, None)
    return None if isinstance(of, type) and hasattr(type(value), "__get__") else value
