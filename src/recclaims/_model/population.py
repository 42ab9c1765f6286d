"""Of which items and users a claim speaks: `items = { train_at_most = 5 }`, `users = { train_at_least = 20 }`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Ge

from recclaims._model.strict import STRICT

Carried = Literal["visual", "textual", "multimodal", "attributes", "answers"]
#: What an item can have or lack.
CARRIED: tuple[str, ...] = get_args(Carried)

#: How people say it.
_WORDS = {"visual": "an image", "textual": "text", "multimodal": "image and text"} | {
    name: name for name in ("attributes", "answers")
}

Interactions = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class SomeUsers:
    """Which users, by their interactions in the train part of a replicate's split."""

    train_at_most: Interactions | None = None
    """At most so many."""
    train_at_least: Interactions | None = None
    """At least so many."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @property
    def faults(self) -> Iterator[str]:
        """What does not go together."""
        least, most = self.train_at_least, self.train_at_most
        if least is None and most is None and self == type(self)():
            yield "says nothing; write { train_at_most = 5 }"
        if least is not None and most is not None and least > most:
            yield f"has train_at_least = {least} above train_at_most = {most}"

    def __str__(self) -> str:
        return f"{type(self).__name__.removeprefix('Some').lower()} {' and '.join(self._parts())}"

    def _parts(self) -> Iterator[str]:
        if self.train_at_most == 0:
            yield "without train interactions"
        elif self.train_at_most is not None:
            yield f"with at most {self.train_at_most} train interactions"
        if self.train_at_least is not None:
            yield f"with at least {self.train_at_least} train interactions"


@dataclass(frozen=True)
class SomeItems(SomeUsers):
    """Which items, by their interactions in the train part of a replicate's split, and by what they carry."""

    popularity: Literal["head", "tail"] | None = None
    """The `tail`: all but the most popular items that have 80 % of the train interactions; the `head`: these."""
    having: Carried | None = None
    """Those that carry this: `multimodal` is image and text."""
    lacking: Carried | None = None
    """Those that do not."""

    def _parts(self) -> Iterator[str]:
        yield from super()._parts()
        if self.popularity:
            yield "of the long tail" if self.popularity == "tail" else "of the short head"
        if self.having:
            yield f"with {_WORDS[self.having]}"
        if self.lacking:
            yield f"without {_WORDS[self.lacking]}"


@dataclass(frozen=True)
class Population:
    """Of which items and users something is said; None: of all."""

    items: SomeItems | None = None
    users: SomeUsers | None = None

    @property
    def is_everyone(self) -> bool:
        """Whether nobody and nothing is left out."""
        return self.items is None and self.users is None

    def __str__(self) -> str:
        return ", ".join(str(one) for one in (self.items, self.users) if one)


#: Nobody and nothing is left out.
EVERYONE = Population()
