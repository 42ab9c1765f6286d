"""The kinds of values that results.json has, and what all of its objects share."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, Strict

#: Counts and numbers are not larger in any run, and what is would not fit a plot or a column.
MOST = 10**15

Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0, le=MOST)]
Number = Annotated[float, Strict(), Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Probability = Annotated[float, Strict(), Field(ge=0, le=1)]


def _ordered(limits: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = limits
    if low is not None and high is not None and low > high:
        raise ValueError("two numbers or nulls, the lower one first")
    return limits


#: The limits of an interval; null where an end is open or not known.
Interval = Annotated[tuple[Number | None, Number | None], AfterValidator(_ordered)]
#: A list that is not read on behind its first fault: a hostile one may have millions.
Few = FailFast()


class Entry(BaseModel):
    """An object of results.json. Keys that this version does not know are kept: a later one may have written them."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, use_attribute_docstrings=True)

    def as_json(self) -> dict[str, Any]:
        """What JSON holds: only keys that were given."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @classmethod
    def of(cls, content: object) -> Self:
        """Read what JSON held; raises pydantic's ValidationError."""
        return cls.model_validate(content)
