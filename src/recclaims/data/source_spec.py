"""Everything a dataset source can declare besides name, modalities and `load`: read and checked here, once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from recclaims.data.parameters import Parameter
from recclaims.data.vectors import FeatureFile
from recclaims.declared import Rule, said
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    from recclaims.data.dataset import DatasetSource


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """What a source declares, as the attribute `spec` or by attributes of these names; everything has a default.

    Attributes:
        argument: a word for what follows the colon in its name ("CATEGORY"); that text is the factory's first argument.
        parameters: what `?key=value` can set, by name; the factory gets those that a reference sets as keywords, and
            the source's `name` must reflect them.
        answers: names of the answers of vision-language models that its items have.
        features: the vectors that come with it, by name.
    """

    argument: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    features: Mapping[str, FeatureFile] = field(default_factory=dict)


def _texts(values: Collection[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _named(kind: type) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, Mapping) and _texts([*value]) and all(isinstance(one, kind) for one in value.values())
    )


_RULES = {
    "argument": Rule(lambda value: isinstance(value, str), '"CATEGORY"'),
    "parameters": Rule(_named(Parameter), '{"users": recclaims.Parameter(943, "how many", least=1)}'),
    "answers": Rule(lambda value: isinstance(value, tuple | list) and _texts(value), '("qwen2_keyword",)'),
    "features": Rule(_named(FeatureFile), '{"clip": recclaims.FeatureFile(Path("clip.npy"), "visual")}'),
}


def source_spec(source: Any) -> SourceSpec:
    """What a source, or the class that makes it, declares.

    Raises:
        DatasetError: a value is invalid; one line that names the source and says what to write.
    """
    who = f"dataset '{said(source, 'name')}'"
    declared = said(source, "spec")
    if isinstance(declared, Mapping | type):
        raise DatasetError(
            f'{who} has spec {declared!r}; write for example spec = recclaims.SourceSpec(argument="CATEGORY")'
        )
    given = declared if isinstance(declared, SourceSpec) else source
    values = {one.name: value for one in fields(SourceSpec) if (value := said(given, one.name)) is not None}
    return SourceSpec(**{name: _RULES[name].read(name, value, who, DatasetError) for name, value in values.items()})


def check_source(source: Any, reference: str) -> DatasetSource:
    """Return what a factory made, or say what it lacks.

    Raises:
        DatasetError: it is no source; one line that says what to write.
    """
    for attribute, wanted, example in (
        ("name", str, f'name = "{reference}"'),
        ("modalities", frozenset | set, 'modalities = frozenset({"textual"})'),
    ):
        value = said(source, attribute)
        if not isinstance(value, wanted):
            fault = f"has no {attribute}" if value is None else f"has {attribute} {value!r}"
            raise DatasetError(f"dataset '{reference}' {fault}; write for example {example}")
    if not callable(said(source, "load")):
        raise DatasetError(f"dataset '{reference}' has no method load() that returns a recclaims.Dataset")
    made: DatasetSource = source
    return made
