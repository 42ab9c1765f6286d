"""Which cases claims have on datasets: what pytest parametrises, and what `evaluate` runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from recclaims._model.case import Case, Expectation
from recclaims.data.answer_types import kind_of
from recclaims.data.reference import open_source
from recclaims.data.source_spec import source_spec
from recclaims.errors import DatasetError
from recclaims.features.available_inputs import available_modalities
from recclaims.features.resolve import facts_of, suited
from recclaims.planning.case import cases, without_argument
from recclaims.planning.needs import why_no_case
from recclaims.planning.planted import FUSION, REFERENCES, Opened, joint_cases, planted_cases
from recclaims.recommenders.spec import Recommender, joins_unasked

if TYPE_CHECKING:
    from recclaims._model.claim import Claim
    from recclaims.data.dataset import DatasetSource
    from recclaims.plugin_manager import Registry


#: The claim about the suite itself.
CONTROLS = "controls"


class Planner:
    """Finds the cases of claims; each dataset is opened once for all of them.

    Args:
        references: the datasets, as --claims-data takes them.
        registry: what is installed.
        encoders: those that take part, arguments included; empty: all there are.
        recommender_filter: which recommenders take part.
        planted_filter: which recommenders are tried on planted data.
        control_names: the noise controls to compare with; empty: all that a claim names.

    Attributes:
        left_out: by dataset, the encoders that it has nothing for.
    """

    def __init__(
        self,
        references: Sequence[str],
        registry: Registry,
        encoders: Sequence[str] = (),
        recommender_filter: Callable[[Recommender], bool] = joins_unasked,
        planted_filter: Callable[[Recommender], bool] = joins_unasked,
        control_names: Collection[str] = (),
    ) -> None:
        self.references, self.registry, self.encoders = list(dict.fromkeys(references)), registry, tuple(encoders)
        self.recommender_filter, self.planted_filter, self.control_names = (
            recommender_filter,
            planted_filter,
            control_names,
        )
        self.left_out: dict[str, list[str]] = {}
        self._sources: dict[str, DatasetSource] = {}
        self._names: dict[str, str] = {}

    def cases(self, claim: Claim) -> list[Case]:
        """The cases of a claim on every dataset.

        Raises:
            UnknownNameError, DatasetError, FeatureError: a reference names nothing, or what cannot be opened or made;
                or two datasets share a name.
        """
        if claim.planted:
            opened, fusion = self._planted(), self.registry.claims.get(FUSION)
            about = list(planted_cases(claim, opened, self.registry, self.encoders, self.planted_filter))
            if fusion and self.cases(fusion):
                about += joint_cases(claim, opened, self.registry)
            return about
        found: list[Case] = []
        for reference in self.references:
            source = self._open(reference)
            found += cases(
                claim, reference, source, self.registry, self.encoders, self.recommender_filter, self.control_names
            )
            if source.name not in self.left_out:
                self.left_out[source.name] = self._without_input(source)
        return found

    def controls_of(self, cases: Sequence[Case]) -> list[Case]:
        """The positive controls of the cases' recommenders, on planted data; those that need one bring it."""
        claim = self.registry.claims.get(CONTROLS)
        tested = {case.recommender for case in cases if case.expects is None}
        if claim is None or not any(self.planted_filter(self.registry.recommenders[name]) for name in tested):
            return []
        return [
            case for case in self.cases(claim) if case.tests in tested and case.expects is Expectation.POSITIVE_CONTROL
        ]

    def why_none(self, claim: Claim) -> str:
        """Say in one line what a claim without a case needs."""
        answers = dict.fromkeys(name for source in self._sources.values() for name in source_spec(source).answers)
        unsaid = [name for name in answers if not kind_of(name).kind]
        return why_no_case(claim, self.references, self.encoders, unsaid)

    def _open(self, reference: str) -> DatasetSource:
        """Open a dataset once for all claims; two of one name could not be told apart in any table."""
        if reference not in self._sources:
            self._sources[reference] = open_source(reference, self.registry)
        source = self._sources[reference]
        other = self._names.setdefault(source.name, reference)
        if other != reference:
            raise DatasetError(
                f"--claims-data: {other} and {reference} are both called '{source.name}'; "
                "give one of them another name in its dataset.toml"
            )
        return source

    def _planted(self) -> dict[str, Opened]:
        """The planted datasets; where one was asked for in other words, by those."""
        names = {self._open(reference).name: reference for reference in self.references}
        made = {reference: open_source(reference, self.registry) for reference in REFERENCES}
        words = {reference: names.get(source.name, reference) for reference, source in made.items()}
        return {reference: Opened(word, self._open(word)) for reference, word in words.items()}

    def _without_input(self, source: DatasetSource) -> list[str]:
        """The encoders that a dataset has nothing for."""
        wanted = self.encoders or without_argument(self.registry)
        modalities = available_modalities(source)
        names = {name: suited(name, modalities, self.registry) for name in wanted}
        return [
            name
            for name, one in names.items()
            if not facts_of(one, self.registry, "--claims-encoder").requires <= modalities
        ]
