"""What an object that somebody else wrote says of itself: the one place where an attribute may be missing."""

from __future__ import annotations

from typing import Any


def said(of: Any, name: str) -> Any:
    """The attribute `name` of an object or a class; None where it says nothing.

    What a class only has for its objects, a property or a method, is not said by the class.
    """
    value = getattr(of, name, None)
    return None if isinstance(of, type) and hasattr(type(value), "__get__") else value
