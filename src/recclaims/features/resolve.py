"""From the name of an encoder, `NAME` or `NAME:ARGUMENT`, to the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recclaims.errors import FeatureError, RecclaimsError, UnknownNameError, foreign
from recclaims.features.protocol import MODALITIES, Encoder
from recclaims.features.shown import shown_name

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset
    from recclaims.plugin_manager import Registry

_NEEDS = {
    "visual": frozenset({"visual"}),
    "textual": frozenset({"textual"}),
    "multimodal": frozenset({"visual", "textual"}),
}


def make_encoder(name: str, registry: Registry) -> Encoder:
    """Make the encoder that `name` refers to; no weights are loaded.

    Args:
        name: as in `sbert` or `sbert:all-mpnet-base-v2`; what follows the colon is given to the factory.
        registry: what is installed.

    Raises:
        UnknownNameError: no encoder goes by that name.
        FeatureError: the factory failed, or what it made is no encoder; the message says what it lacks.
    """
    base, colon, argument = name.partition(":")
    factory = registry.find("encoders", base)
    if colon and not argument:
        raise FeatureError(f"encoder '{name}': nothing follows the colon")
    with foreign(f"encoder '{name}' cannot be made", FeatureError):
        encoder: Any = factory(argument) if colon else factory()
        # Its full name, so that two arguments never share a row, or a key in the store.
        if getattr(encoder, "name", None) != name:
            encoder.name = name
        return _checked(encoder, name)


def _checked(encoder: Any, name: str) -> Encoder:
    """Return what a factory made, or say what it lacks."""
    for attribute, example in (("modality", '"textual"'), ("version", '"1"')):
        value = getattr(encoder, attribute, None)
        if not isinstance(value, str):
            fault = f"has no {attribute}" if value is None else f"has {attribute} {value!r}, which is not a text"
            raise FeatureError(f"encoder '{name}' {fault}; write, as in {attribute} = {example}")
    if encoder.modality not in MODALITIES:
        raise FeatureError(str(UnknownNameError.of("modality", encoder.modality, MODALITIES, f"encoder '{name}'")))
    requires = getattr(encoder, "requires", None)
    if not (requires is None or isinstance(requires, str | frozenset | set | list | tuple)):
        raise FeatureError(
            f"encoder '{name}' has requires {requires!r}; write, as in requires = frozenset({{\"textual\"}})"
        )
    if not callable(getattr(encoder, "encode", None)):
        raise FeatureError(f"encoder '{name}' has no method encode(items)")
    made: Encoder = encoder
    return made


def bind(encoder: Encoder, dataset: Dataset) -> Encoder:
    """Tell an encoder, and the parts of a composite one, which dataset it is for, where it has a method for that.

    Raises:
        RecclaimsError: the dataset does not have what the encoder reads.
    """
    for part in getattr(encoder, "parts", ()):
        bind(part, dataset)
    with foreign(f"encoder '{encoder.name}' does not take the dataset", FeatureError):
        getattr(encoder, "bind", lambda _: None)(dataset)
    return encoder


def why_unavailable(encoder: Encoder) -> str | None:
    """Why an encoder cannot run on this machine, in its own words; None where it can, or does not say.

    Raises:
        FeatureError: it failed to say.
    """
    with foreign(f"encoder '{encoder.name}' failed to say whether it can run", FeatureError):
        reason: str | None = getattr(encoder, "unavailable", lambda: None)()
        return reason


def is_bound(name: str, registry: Registry) -> bool:
    """Whether an encoder, or a part of it, knows the items of one dataset alone, as vectors in a file do."""
    factory = registry.find("encoders", name.partition(":")[0])
    parts: tuple[Encoder, ...] = getattr(make_encoder(name, registry), "parts", ()) if ":" in name else ()
    return any(hasattr(one, "bind") for one in (factory, *parts))


def requirements(encoder: Any) -> frozenset[str]:
    """What a dataset must have for this encoder: of visual, textual, attributes, answers and names of its own vectors.

    An encoder, or the class that makes it, says so by the attribute `requires`; without it, its modality does.
    """
    requires = getattr(encoder, "requires", None)
    if requires is not None:
        return frozenset({requires} if isinstance(requires, str) else requires)
    # An unknown modality needs nothing here: the encoder then joins, and making it says what is wrong.
    return _NEEDS.get(getattr(encoder, "modality", ""), frozenset())


@dataclass(frozen=True)
class EncoderFacts:
    """What can be known of an encoder without running it.

    Attributes:
        requires: what a dataset must have, see `requirements`.
        modality: see protocol.
        representation: "sets" where every row is 0 and 1 (attributes, keywords), else "dense".
        blocks: modalities of the blocks of columns that its features are made of: its own, but for a fusion
            that puts its parts side by side.
        separate: whether recommenders get the blocks as modalities of their own.
        shown: what people call the encoder, see shown_name.
    """

    requires: frozenset[str]
    modality: str
    representation: str
    blocks: tuple[str, ...]
    separate: bool = False
    shown: str = ""


def facts_of(name: str, registry: Registry, where: str = "") -> EncoderFacts:
    """Facts of the encoder that `name` refers to.

    Raises:
        UnknownNameError, FeatureError: see make_encoder; `where` is put before an unknown name.
    """
    base, colon, _ = name.partition(":")
    factory = registry.find("encoders", base, where)
    try:
        with foreign(f"encoder '{name}' cannot be looked at", FeatureError):
            return _facts(name, factory, registry)
    except RecclaimsError:
        if colon:
            raise  # asked for in so many words
        return EncoderFacts(frozenset(), "", "dense", ("",), shown=name)  # it joins, and making it says what is wrong


def _facts(name: str, factory: Any, registry: Registry) -> EncoderFacts:
    colon = ":" in name
    # With an argument, what is needed may depend on it, as for a fusion of other parts.
    encoder: Any = make_encoder(name, registry) if colon else factory
    modality = getattr(encoder, "modality", "")
    blocks: tuple[str, ...] = (modality,)
    if getattr(factory, "side_by_side", False):
        parts: tuple[Encoder, ...] = make_encoder(name, registry).parts  # type: ignore[attr-defined]
        blocks = tuple(part.modality for part in parts)
    representation, separate = getattr(encoder, "representation", "dense"), getattr(factory, "separate", False)
    shown = shown_name(encoder) if colon else name
    return EncoderFacts(requirements(encoder), modality, representation, blocks, separate, shown)
