"""Datasets by the names under which they are registered: `emoji?users=5000&dose=0.5`, `amazon2023:CATEGORY?core=10`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from recclaims.data import protocol
from recclaims.data.parameters import read_parameters
from recclaims.data.protocol import EvaluationProtocol
from recclaims.data.source_spec import SourceSpec, check_source, source_spec
from recclaims.errors import DatasetError, UnknownNameError, foreign

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset, DatasetSource
    from recclaims.plugin_manager import Registry


@dataclass(frozen=True)
class Changes:
    """What a reference changes of a dataset's protocol, and what that adds to its name."""

    protocol: EvaluationProtocol
    suffix: str


class _Named:
    """A registered source under a protocol; its name carries what the reference changed."""

    def __init__(self, source: DatasetSource, name: str, changes: EvaluationProtocol) -> None:
        self.name, self._source, self._changes = name, source, changes

    @property
    def modalities(self) -> frozenset[str]:
        return self._source.modalities

    @property
    def spec(self) -> SourceSpec:
        return source_spec(self._source)

    def load(self) -> Dataset:
        return replace(self._source.load().under(self._changes), name=self.name)


def open_registered(reference: str, registry: Registry) -> DatasetSource:
    """Make the registered source of a reference, under the protocol that the reference says; see open_source."""
    name, _, query = reference.partition("?")
    changes, own = protocol_of(query, reference)
    source = _made(registry, name, own, reference)
    return _Named(source, source.name + changes.suffix, changes.protocol)


def protocol_of(query: str, reference: str) -> tuple[Changes, dict[str, str]]:
    """What `?key=value&key=value` says of the protocol, and the keys and values that are the source's own."""
    settings = _settings(query, reference)
    common = {key: value for key, value in settings.items() if key in protocol.KEYS}
    own = {key: value for key, value in settings.items() if key not in protocol.KEYS}
    suffix = "?" + "&".join(f"{key}={value}" for key, value in common.items()) if common else ""
    return Changes(EvaluationProtocol.parse(settings, reference), suffix), own


def make_source(reference: str, registry: Registry, where: str) -> DatasetSource:
    """Make the registered source of a reference that does not change the protocol; see open_source."""
    name, _, query = reference.partition("?")
    if not is_registered(name, registry):
        raise UnknownNameError.of("dataset", name.partition(":")[0], registry.datasets, where)
    return _made(registry, name, _settings(query, reference), reference)


def is_registered(name: str, registry: Registry) -> bool:
    """Say whether `NAME` or `NAME:ARGUMENT` names a registered source."""
    return name.partition(":")[0] in registry.datasets


def _settings(query: str, reference: str) -> dict[str, str]:
    """The keys and values of a reference; one that is given twice could mean either."""
    settings: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key in settings:
            raise DatasetError(f"{reference}: key '{key}' is given twice")
        settings[key] = value
    return settings


def _made(registry: Registry, name: str, own: dict[str, str], reference: str) -> DatasetSource:
    base, colon, argument = name.partition(":")
    factory = registry.datasets[base]
    spec = source_spec(factory)
    takes = spec.argument
    if bool(takes) != bool(argument) or (colon and not takes):
        raise DatasetError(
            f"{reference}: '{base}' needs its {takes}, as in {base}:{takes}"
            if takes
            else f"{reference}: '{base}' takes no argument, only ?key=value"
        )
    given = read_parameters(spec.parameters, own, protocol.KEYS, reference)
    with foreign(f"dataset '{reference}' cannot be opened", DatasetError):
        try:
            source: DatasetSource = factory(argument, **given) if takes else factory(**given)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{reference}: {error}") from error
        return check_source(source, reference)
