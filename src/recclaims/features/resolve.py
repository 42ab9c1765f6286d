"""From the name of an encoder, `NAME` or `NAME:ARGUMENT`, to the encoder."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recclaims.errors import FeatureError, RecclaimsError, foreign
from recclaims.features.shown import shown_name
from recclaims.features.spec import (
    EncoderSpec,
    check_identity,
    is_told_its_dataset,
    methods_of,
    modality_of,
    requirements,
    spec_of,
)

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset
    from recclaims.features.protocol import Encoder
    from recclaims.plugin_manager import Registry


def make_encoder(name: str, registry: Registry) -> Encoder:
    """Make the encoder that `name` refers to; no weights are loaded.

    Args:
        name: as in `sbert` or `sbert:all-mpnet-base-v2`; what follows the colon is given to the factory.
        registry: what is installed, and what a program brings: a fusion finds its parts there.

    Raises:
        UnknownNameError: no encoder goes by that name.
        FeatureError: the factory failed, or what it made is no encoder; the message says what it lacks.
    """
    base, colon, argument = name.partition(":")
    factory = registry.find("encoders", base)
    if colon and not argument:
        raise FeatureError(f"encoder '{name}': an argument must follow the colon")
    with foreign(f"encoder '{name}' cannot be created", FeatureError):
        encoder: Any = factory(argument) if colon else factory()
        # Its full name, so that two arguments never share a row, or a key in the store.
        if not hasattr(encoder, "name") or encoder.name != name:
            encoder.name = name
        check_identity(encoder)
        make_parts = methods_of(encoder).make_parts
        if make_parts:
            make_parts(lambda part: make_encoder(part, registry))
        made: Encoder = encoder
        return made


def known_encoder(name: str, registry: Registry) -> Encoder:
    """The encoder that `name` refers to, to be asked what it is and never to encode: made once for a registry.

    One that was given a path is made anew each time, as other files may lie there by now.

    Raises:
        UnknownNameError, FeatureError: see make_encoder.
    """
    if name in registry.known_encoders:
        found: Encoder = registry.known_encoders[name]
        return found
    encoder = make_encoder(name, registry)
    if not any(spec.place for spec in _specs(encoder)):
        registry.known_encoders[name] = encoder
    return encoder


def _specs(encoder: Encoder) -> list[EncoderSpec]:
    """What an encoder declares, and its parts, and theirs."""
    spec = spec_of(encoder)
    return [spec, *(found for part in spec.parts for found in _specs(part))]


def of_one_space(encoder: Encoder) -> tuple[str, str]:
    """What a fusion fuses of images and of texts that lie in one space: their names; empty where there are none."""
    leaves = [part for part in _leaves(encoder) if spec_of(part).space]
    for image, text in itertools.product(leaves, leaves):
        if (image.modality, text.modality) == ("visual", "textual") and spec_of(image).space == spec_of(text).space:
            return image.name, text.name
    return "", ""


def _leaves(encoder: Encoder) -> list[Encoder]:
    """What a fusion consists of in the end."""
    return [leaf for part in spec_of(encoder).parts for leaf in _leaves(part) or [part]]


def bind(encoder: Encoder, dataset: Dataset) -> Encoder:
    """Tell an encoder, and the parts of a composite one, which dataset it is for, where it has a method for that.

    Raises:
        RecclaimsError: the dataset does not have what the encoder reads.
    """
    for part in spec_of(encoder).parts:
        bind(part, dataset)
    told = methods_of(encoder).bind
    if told:
        with foreign(f"encoder '{encoder.name}' failed to bind the dataset", FeatureError):
            told(dataset)
    return encoder


def why_unavailable(encoder: Encoder) -> str | None:
    """Why an encoder cannot run on this machine, in its own words; None where it can, or does not say.

    Raises:
        FeatureError: it failed to say.
    """
    asked = methods_of(encoder).unavailable
    if asked is None:
        return None
    with foreign(f"encoder '{encoder.name}' failed in unavailable()", FeatureError):
        return asked()


def suited(name: str, modalities: Collection[str], registry: Registry) -> str:
    """What an encoder is called on a dataset that has these modalities, in its own words: it may read less there.

    Raises:
        UnknownNameError, FeatureError: see make_encoder.
    """
    if ":" not in name:
        return name
    asked = methods_of(known_encoder(name, registry)).suited
    if asked is None:
        return name
    with foreign(f"encoder '{name}' failed in suited()", FeatureError):
        return asked(modalities)


def is_bound(name: str, registry: Registry) -> bool:
    """Whether an encoder, or a part of it, knows the items of one dataset alone, as vectors in a file do."""
    factory = registry.find("encoders", name.partition(":")[0])
    parts = spec_of(known_encoder(name, registry)).parts if ":" in name else ()
    return any(map(is_told_its_dataset, (factory, *parts)))


@dataclass(frozen=True)
class EncoderFacts:
    """What can be known of an encoder without running it.

    Attributes:
        requires: what a dataset must have, see spec.requirements.
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
        with foreign(f"encoder '{name}' cannot be inspected", FeatureError):
            return _facts(name, factory, registry)
    except RecclaimsError:
        if colon:
            raise  # asked for in so many words
        return EncoderFacts(frozenset(), "", "dense", ("",), shown=name)  # it joins, and making it says what is wrong


def _facts(name: str, factory: Any, registry: Registry) -> EncoderFacts:
    colon = ":" in name
    # With an argument, what is needed may depend on it, as for a fusion of other parts.
    encoder: Any = known_encoder(name, registry) if colon else factory
    modality, spec = modality_of(encoder), spec_of(encoder)
    blocks: tuple[str, ...] = (modality,)
    if spec.side_by_side:
        blocks = tuple(part.modality for part in spec_of(known_encoder(name, registry)).parts)
    shown = shown_name(encoder) if colon else name
    return EncoderFacts(requirements(encoder), modality, spec.representation, blocks, spec.separate, shown)
