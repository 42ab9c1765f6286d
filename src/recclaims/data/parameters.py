"""Parameters that a dataset source declares and a reference can set: `emoji?users=5000&dose=0.5`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from recclaims.errors import DatasetError, UnknownNameError

Value = int | float | str


@dataclass(frozen=True)
class Parameter:
    """One parameter of a source; its type is that of its default.

    Attributes:
        default: its value if the reference does not set it.
        says: what it does, in one phrase.
        least, most: inclusive bounds of a number; None: unbounded.
        choices: the allowed strings; empty: any.
    """

    default: Value
    says: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()

    def read(self, name: str, text: str, where: str) -> Value:
        """Return the value that `text` stands for.

        Args:
            name: the parameter's name, for messages.
            text: what the reference gives.
            where: the reference, for messages.

        Raises:
            UnknownNameError: none of the choices; shows the nearest.
            DatasetError: not a number of the parameter's type, or out of bounds.
        """
        if isinstance(self.default, str):
            if self.choices and text not in self.choices:
                raise UnknownNameError.of(name, text, self.choices, where)
            return text
        kind, what = (int, "a whole number") if isinstance(self.default, int) else (float, "a number")
        try:
            value = kind(text)
        except ValueError:
            raise DatasetError(f"{where}: {name} is '{text}', not {what}{self._range()}") from None
        beyond = (self.least is not None and value < self.least) or (self.most is not None and value > self.most)
        if beyond or not math.isfinite(value):
            raise DatasetError(f"{where}: {name} is {text}, not {what}{self._range()}")
        return value

    def __str__(self) -> str:
        """What it does and which values it takes, for people."""
        takes = ", ".join(self.choices) if self.choices else self._range().strip()
        return f"{self.says} ({takes}; default {self.default})" if takes else f"{self.says} (default {self.default})"

    def _range(self) -> str:
        if self.least is not None and self.most is not None:
            return f" from {self.least:,g} to {self.most:,.10g}"
        return f" of {self.least:,g} or more" if self.least is not None else ""


def read_parameters(
    declared: Mapping[str, Parameter], given: Mapping[str, str], common: tuple[str, ...], where: str
) -> dict[str, Value]:
    """Read what a reference gives of a source's parameters; those it leaves out are not in the answer.

    Args:
        declared: the source's parameters.
        given: the reference's keys and texts.
        common: keys that every dataset has, to be named with the declared ones.
        where: the reference, for messages.

    Raises:
        UnknownNameError, DatasetError: no such parameter, or see Parameter.read.
    """
    for name in given:
        if name not in declared:
            raise UnknownNameError.of("key", name, [*common, *declared], where)
    return {name: declared[name].read(name, text, where) for name, text in given.items()}
