"""What every encoder must pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recclaims._model.reads import MODALITIES
from recclaims.features.encoded import FeatureReport
from recclaims.features.extraction import extract
from recclaims.features.protocol import Encoder
from recclaims.features.resolve import why_unavailable
from recclaims.features.spec import methods_of, requirements, spec_of
from recclaims.testing.catalogue import odd_items, plain_items

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item

_HEAVY = ("torch", "transformers", "sentence_transformers", "torchvision", "recbole", "ray")


class EncoderContract:
    """Subclass it and define `make`, which returns your encoder; you inherit every test.

    If `unavailable()` gives a reason, such as missing weights, the tests are skipped for that reason.

    Attributes:
        reads_catalogue: True if a row depends on the other items by design, as with columns that are counted over the
            catalogue; rows of a part are then not compared.
        tolerance: how far rows may differ between two runs, relative to the largest entry.
    """

    reads_catalogue = False
    tolerance = 1e-4

    def make(self) -> Encoder:
        """Return a new encoder; required."""
        raise NotImplementedError(f"{type(self).__name__} must define `make`, which returns the encoder")

    def items(self, folder: Path) -> Sequence[Item]:
        """Plain items to encode; override it if your encoder needs others, such as recorded answers."""
        return plain_items(folder)

    @pytest.fixture
    def encoder(self) -> Encoder:
        """A new encoder; skips if it cannot run here."""
        encoder = self.make()
        reason = why_unavailable(encoder)
        if reason:
            pytest.skip(reason)
        return encoder

    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Sequence[Item]:
        """The plain items."""
        return self.items(tmp_path)

    def test_it_says_what_it_is(self) -> None:
        """Name, modality and version are what tables, cases and keys are made of."""
        encoder = self.make()
        assert isinstance(encoder, Encoder), "it lacks name, modality, version or encode(items)"
        for attribute in ("name", "modality", "version"):
            assert isinstance(getattr(encoder, attribute), str), f"its {attribute} is not a string"
            assert getattr(encoder, attribute), f"its {attribute} is empty"
        assert encoder.modality in MODALITIES, f"its modality is none of {', '.join(MODALITIES)}"
        base = encoder.name.partition(":")[0]
        assert not set(base) & set("/[]\n\t "), "its name cannot be part of a case's name"

    def test_it_declares_what_can_be_meant(self) -> None:
        """Its `spec`, or attributes of the same names, and its methods; see recclaims.EncoderSpec."""
        encoder = self.make()
        known = {"visual", "textual", "attributes", "answers"}
        assert requirements(encoder) <= known, f"it requires something other than {', '.join(sorted(known))}"
        spec, methods = spec_of(encoder), methods_of(encoder)
        reason = why_unavailable(encoder)
        assert reason is None or (isinstance(reason, str) and reason), "unavailable() gives neither a reason nor None"
        assert not spec.place or spec.place in encoder.name, f"its place '{spec.place}' does not stand in its name"
        if methods.variant:
            same = methods.variant(dict(spec.answering))
            assert isinstance(same, str), "variant(settings) does not give a name"
            assert same.partition(":")[0] == encoder.name.partition(":")[0], "variant(settings) names another encoder"

    def test_it_makes_a_finite_row_per_item(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """What recclaims itself checks: float32, one row per item, nothing NaN or inf."""
        features = extract(encoder, catalogue)
        assert features.matrix.shape[0] == len(catalogue)
        assert features.matrix.dtype == np.float32
        assert not features.filled.any(), "it left out items that have everything"

    def test_its_rows_are_what_it_declares(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """Recommenders that read sets count on 0 and 1; a fusion's columns are told apart by its parts' widths."""
        spec, features = spec_of(encoder), extract(encoder, catalogue)
        if spec.representation == "sets":
            assert set(np.unique(features.matrix)) <= {0, 1}, (
                "it declares sets, but rows have values other than 0 and 1"
            )
        if spec.side_by_side:
            assert [block.encoder for block in features.blocks] == [part.name for part in spec.parts]

    def test_its_rows_can_carry_a_claim(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """Unlike items have unlike rows: a neighbour list over equal rows is the order of the items."""
        reason = FeatureReport.of(extract(encoder, catalogue)).inadmissible()
        assert reason is None, reason

    def test_it_makes_the_same_rows_again(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """Rows are kept under the version: another run would have made the same ones."""
        self._assert_alike(extract(encoder, catalogue).matrix, extract(self.make(), catalogue).matrix)

    def test_a_row_stays_with_its_item(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """The order of the catalogue moves rows and changes none."""
        straight, reverse = extract(encoder, catalogue).matrix, extract(encoder, catalogue[::-1]).matrix
        self._assert_alike(straight, reverse[::-1])

    def test_a_row_depends_on_its_item_alone(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """Padding and batches leave no trace in a row."""
        if self.reads_catalogue:
            pytest.skip("its rows depend on the catalogue by design")
        part = [catalogue[3], catalogue[0]]
        self._assert_alike(extract(encoder, catalogue).matrix[[3, 0]], extract(encoder, part).matrix)

    def test_it_encodes_odd_items(self, encoder: Encoder, tmp_path: Path) -> None:
        """Catalogues have bare titles, long and foreign texts, tiny and grey pictures."""
        odd = odd_items(tmp_path)
        assert len(extract(encoder, [*self.items(tmp_path), *odd]).matrix) > len(odd)
        extract(encoder, odd)

    def test_it_leaves_the_items_alone(self, encoder: Encoder, catalogue: Sequence[Item]) -> None:
        """The next encoder gets the same items."""
        before = [repr(item) for item in catalogue]
        extract(encoder, catalogue)
        assert [repr(item) for item in catalogue] == before

    def test_its_module_imports_nothing_heavy(self) -> None:
        """The module is imported whenever pytest collects: heavy libraries belong inside `encode`."""
        module = type(self.make()).__module__
        code = f"import sys, importlib; importlib.import_module({module!r}); print(*sys.modules)"
        # The path as it is here, as pytest may have put the module's folder on it.
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        heavy = sorted(set(_HEAVY) & set(done.stdout.split()))
        assert not heavy, f"importing {module} imports {', '.join(heavy)}"

    def _assert_alike(self, one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=self.tolerance * max(float(np.abs(one).max()), 1e-30))
