"""Objects of somebody's class, known to read their features, or to need none, before they are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import CellError, NotAvailableError
from recclaims.interop.foreign.reading import IMAGE, Features, Object, Pairs, differs, made_up, others

Made = TypeVar("Made", bound=Object)

#: What was found to read its features, or to need none: by class, settings, and shapes of features.
ASKED: set[tuple[Any, ...]] = set()


class NeverReadError(CellError):
    """A class whose loss and scores do not depend on its features."""


class ClassFailedError(CellError):
    """Somebody's class raised something, or returned what it must not."""


@dataclass(frozen=True)
class Question(Generic[Made]):
    """Asks one class in one cell.

    Attributes:
        name: the class.
        known_as: what the answer depends on beside features: its code and its settings.
        pairs: what it would be trained on.
        make: makes an object of it, with features by file.
        switch: what its author sets to switch features off.
    """

    name: str
    known_as: tuple[Any, ...]
    pairs: Pairs
    make: Callable[[Features], Made]
    switch: Mapping[str, Any]

    def twin(self) -> Made:
        """Make what a twin is: given one row for all items, of both modalities, as it cannot be made without.

        Raises:
            CellError: it still reads features.
        """
        one, two = self._made_up()
        key = (*self.known_as, "twin")
        if key not in ASKED and differs(self.make, self.pairs, one, two):
            switch = ", ".join(f"{key}={value}" for key, value in self.switch.items())
            raise CellError(f"with {switch} it still reads features, so it is not a feature-free twin")
        ASKED.add(key)
        return self.make({name: np.ones_like(matrix) for name, matrix in one.items()})

    def made(self, features: Features) -> Made:
        """Make an object that reads these features; without any, one that is not asked.

        Raises:
            NeverReadError: it never does.
            NotAvailableError: it needs both modalities.
        """
        try:
            made = self.make(features)
            self._ask(features)
        except (ClassFailedError, NeverReadError) as error:
            if len(features) == 1 and self._reads_both():
                has = "images" if IMAGE in features else "texts"
                raise NotAvailableError(
                    f"it needs both image and text features and got only {has}; use --claims-encoder "
                    "late_fusion:VISUAL+TEXTUAL"
                ) from error
            raise
        return made

    def _ask(self, features: Features) -> None:
        """Asked once a process of each class, settings and shape."""
        key = (*self.known_as, str(sorted((name, matrix.shape) for name, matrix in features.items())))
        if not features or key in ASKED:
            return
        if differs(self.make, self.pairs, features, others(features)) is False:
            raise NeverReadError(
                f"{self.name} never reads its features: other features give exactly the same loss and scores"
            )
        ASKED.add(key)

    def _reads_both(self) -> bool:
        """Whether it works, and reads its features, once it is given both modalities."""
        try:
            return differs(self.make, self.pairs, *self._made_up()) is True
        except (CellError, NotAvailableError):
            return False

    def _made_up(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
        return made_up(self.pairs.n_items), made_up(self.pairs.n_items, 1)
