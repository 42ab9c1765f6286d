"""What every noise control must pass."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recclaims.features.controls.noise import NoiseControl
from recclaims.features.encoded import Block

BLOCKS = (Block("a", "visual", 2), Block("b", "textual", 4))


class NoiseControlContract:
    """Subclass it and define `make`, which returns your control; you inherit every test.

    Attributes:
        trace: how much of the real features may be left, as the mean correlation between an item's old and new row, in
            standard errors; a control that breaks the link between items and features leaves none.
    """

    trace = 5.0

    def make(self) -> NoiseControl:
        """Return the control; required."""
        raise NotImplementedError(f"{type(self).__name__} must define `make`, which returns the control")

    @pytest.fixture
    def control(self) -> NoiseControl:
        """The control."""
        return self.make()

    def _drawn(self, control: NoiseControl, real: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        categories = np.random.default_rng(9).integers(0, 5, len(real))
        return control.apply(real, seed, BLOCKS, categories)

    def test_it_says_what_it_is(self, control: NoiseControl) -> None:
        """Tables show its name, its key holds its version."""
        assert control.name.isidentifier()
        assert control.version
        assert control.preserves

    @pytest.mark.parametrize("shape", [(400, 6), (7, 6), (1, 6)])
    def test_it_keeps_shape_and_type_and_leaves_the_original(
        self, control: NoiseControl, shape: tuple[int, int]
    ) -> None:
        """Also where the catalogue is small."""
        real = _matrix(shape)
        real.setflags(write=False)
        made = self._drawn(control, real, 3)
        assert made.shape == real.shape
        assert made.dtype == np.float32
        assert not np.shares_memory(made, real)

    def test_the_seed_decides_and_nothing_else(self, control: NoiseControl) -> None:
        """A replicate draws the same noise in every process and another one than its neighbours."""
        real = _matrix()
        first = self._drawn(control, real, 3)
        np.random.seed(0)  # noqa: NPY002 - a draw that takes this state would differ
        np.testing.assert_array_equal(self._drawn(control, real, 3), first)
        assert (self._drawn(control, real, 4) != first).any()

    def test_it_breaks_the_link_from_items_to_features(self, control: NoiseControl) -> None:
        """Over the columns, the mean correlation of the old and the new column is chance."""
        real = _matrix()
        made = self._drawn(control, real, 0)
        spread = [column.std() > 0 for column in made.T]
        own = [np.corrcoef(a, b)[0, 1] for a, b, varies in zip(real.T, made.T, spread, strict=True) if varies]
        assert not own or abs(float(np.mean(own))) < self.trace / np.sqrt(len(real))

    def test_sets_stay_sets_where_it_says_so(self, control: NoiseControl) -> None:
        """Recommenders that read sets get rows of 0 and 1 alone."""
        if not control.keeps_sets:
            pytest.skip("it does not say that sets stay sets")
        real = (_matrix() > 0).astype(np.float32)
        assert set(np.unique(self._drawn(control, real, 0))) <= {0.0, 1.0}


def _matrix(shape: tuple[int, int] = (400, 6)) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    mixing = random.normal(size=(shape[1], shape[1]))
    made: NDArray[np.float32] = (random.normal(size=shape) @ mixing + 5 * random.normal(size=shape[1])).astype(
        np.float32
    )
    return made
