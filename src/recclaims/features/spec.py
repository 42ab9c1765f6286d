"""Everything an encoder can declare and do besides `encode`: read and checked here, once for all other code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims._model.reads import MODALITIES
from recclaims.data.answer_types import KINDS
from recclaims.declared import Rule, said
from recclaims.errors import FeatureError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.data.dataset import Dataset
    from recclaims.features.protocol import Encoder

#: What a dataset must have for an encoder of a modality that says no more.
_NEEDS = {
    "visual": frozenset({"visual"}),
    "textual": frozenset({"textual"}),
    "multimodal": frozenset({"visual", "textual"}),
}
#: What an encoder needs that makes nothing without an argument that names a model: no dataset has it.
A_MODEL = "the name of a model"
REPRESENTATIONS = ("dense", "sets")
IMPUTATIONS = ("mean", "zero")
#: How an answer comes about: what `answering` says of an encoder that can be asked otherwise.
ANSWERING = ("temperature", "top_p", "seed", "max_new_tokens")


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """What an encoder declares, as the attribute `spec` of its class; everything has a default.

    Set what depends on an argument on the object: `self.spec = dataclasses.replace(self.spec, place=path)`. An encoder
    without a `spec` may have attributes of these names instead.

    Attributes:
        requires: what a dataset must provide, out of visual, textual, attributes and answers; None: what the modality
            needs.
        representation: "sets" if rows are 0 and 1, one column per value: recommenders that read sets (Attribute
            Item-kNN) accept only these; otherwise "dense".
        imputation: how to fill the row of an item that is not covered: the "mean" of the others, or "zero".
        chunk: how many items to encode at a time; finished chunks are kept if the run is stopped. 0: all at once.
        generative: rows are hidden states of a model that generates answers; it joins the claims about such models.
        answering: the settings of ANSWERING with which it generates answers, if they can be changed (by `variant`);
            `batch` too, if it asks about several items at once.
        answers: which kind of answers in the catalogue it takes, one of answer_types.KINDS; empty: none.
        on_request: joins a claim only if it is asked for by name or the claim is about it.
        place: the path in its argument, as written in its name; reports show only its last part and a digest.
        beside: further files that belong to `place`.
        parts: the encoders it consists of, each extracted and stored separately; needs `fuse`.
        fuses: a claim that compares with it chooses its parts: `name:PART+PART`.
        side_by_side: `fuse` keeps each part's columns together, in the order of the parts.
        separate: recommenders get the parts as separate modalities; needs side_by_side.
        space: names the space that its vectors lie in, where images and texts share one, as CLIP's: encoders of one
            name can be compared by cosine. Empty: one of its own.
    """

    requires: frozenset[str] | None = None
    representation: str = "dense"
    imputation: str = "mean"
    chunk: int = 0
    generative: bool = False
    answering: Mapping[str, str] = field(default_factory=dict)
    answers: str = ""
    on_request: bool = False
    place: str = ""
    beside: tuple[Path, ...] = ()
    parts: tuple[Encoder, ...] = ()
    fuses: bool = False
    side_by_side: bool = False
    separate: bool = False
    space: str = ""


@dataclass(frozen=True)
class EncoderMethods:
    """Methods that an encoder may have besides `encode`; None for those it does not have.

    Attributes:
        unavailable: says, without loading anything, why it cannot run on this machine and how to fix that, or None.
        bind: gets the dataset before `version` is read and anything is encoded, if its input comes with the dataset.
        prepare: gets the whole catalogue before `covers` and `encode`, and may refuse it.
        covers: says whether it can encode an item; the default is whether the item has its modality.
        make_parts: gets a function that creates an encoder by name, before anything else is called; a fusion creates
            its parts with it and puts them into `spec.parts`.
        fuse: combines the matrices of its parts into one, float32 (n, d1), (n, d2), ... -> (n, d).
        variant: returns the name of the same encoder with other settings of `answering`; None means the default.
        diagnose: describes the answers that it reads, as flat records.
        suited: gets what a dataset has (visual, textual, ...) and returns the name of the same encoder as it fits that.
    """

    unavailable: Callable[[], str | None] | None = None
    bind: Callable[[Dataset], None] | None = None
    prepare: Callable[[Sequence[Item]], None] | None = None
    covers: Callable[[Item], bool] | None = None
    make_parts: Callable[[Callable[[str], Encoder]], None] | None = None
    fuse: Callable[[Sequence[NDArray[np.float32]]], NDArray[np.float32]] | None = None
    variant: Callable[[Mapping[str, str | None]], str] | None = None
    diagnose: Callable[[Sequence[Item]], list[dict[str, Any]]] | None = None
    suited: Callable[[Collection[str]], str] | None = None


_CHOICES = {"representation": REPRESENTATIONS, "imputation": IMPUTATIONS, "answers": ("", *KINDS)}
_SWITCHES = ("generative", "on_request", "fuses", "side_by_side", "separate")
_RULES = {
    "requires": Rule(
        lambda value: isinstance(value, str) or (isinstance(value, Collection) and _all(str, value)),
        'frozenset({"textual"})',
        lambda value: frozenset({value} if isinstance(value, str) else value),
    ),
    "chunk": Rule(lambda value: isinstance(value, Integral) and int(value) >= 0, "64", int),
    "answering": Rule(
        lambda value: isinstance(value, Mapping) and _all(str, [*value, *value.values()]),
        '{"temperature": "0", ...}',
        dict,
    ),
    "place": Rule(lambda value: isinstance(value, str), '"folder/vectors.npy"', str),
    "space": Rule(lambda value: isinstance(value, str), '"org/clip"', str),
    "beside": Rule(
        lambda value: isinstance(value, tuple | list) and _all(str | Path, value),
        '(Path("folder/vectors.ids.txt"),)',
        lambda value: tuple(map(Path, value)),
    ),
    "parts": Rule(
        # A text has an `encode`, too.
        lambda value: isinstance(value, tuple | list) and all(modality_of(one) for one in value),
        "(Mine(), Other())",
        tuple,
    ),
    **{name: Rule(lambda _: True, "True", bool) for name in _SWITCHES},
}
#: Words that an encoder without a `spec` may use for something of its own: what does not fit is no declaration then.
_COMMON_WORDS = frozenset({"answering", "answers", "place", "beside", "parts", "space"})


def spec_of(encoder: Any) -> EncoderSpec:
    """What an encoder, or the class that makes it, declares: by its `spec`, or by attributes of the same names.

    Raises:
        FeatureError: a value is none that can be meant; one line that names the encoder and says what to write.
    """
    who = f"encoder '{said(encoder, 'name')}'"
    declared = said(encoder, "spec")
    if not isinstance(declared, EncoderSpec):
        # Somebody's own attribute of that name has nothing to do with this; a slip in writing a spec has.
        if isinstance(declared, Mapping | type) or callable(declared):
            raise FeatureError(f"{who} has spec {declared!r}; write for example spec = recclaims.EncoderSpec(chunk=64)")
        declared = encoder
    given = {one.name: value for one in fields(EncoderSpec) if (value := said(declared, one.name)) is not None}
    if declared is encoder:
        given = {name: value for name, value in given.items() if name not in _COMMON_WORDS or _fits(name, value)}
    spec = EncoderSpec(**{name: _checked(name, value, who) for name, value in given.items()})
    if not isinstance(encoder, type):
        for fault in _contradictions(spec, encoder):
            raise FeatureError(f"{who} {fault}")
    return spec


def methods_of(encoder: Encoder) -> EncoderMethods:
    """The methods that an encoder has beside `encode`.

    Raises:
        FeatureError: one is no method; or see spec_of.
    """
    spec = spec_of(encoder)
    found = {one.name: said(encoder, one.name) for one in fields(EncoderMethods)}
    # Names that mean something beside a declaration alone.
    found |= {name: None for name, declared in (("fuse", spec.parts), ("variant", spec.answering)) if not declared}
    for name, method in found.items():
        if not (method is None or callable(method)):
            raise FeatureError(f"encoder '{encoder.name}' has {name} {method!r}, which is not a method")
    return EncoderMethods(**found)


def spec_of_factory(factory: Any) -> EncoderSpec:
    """What a factory declares of what it makes; a faulty one declares nothing: making it says what is wrong."""
    try:
        return spec_of(factory)
    except FeatureError:
        return EncoderSpec()


def modality_of(encoder: Any) -> str:
    """The modality of an encoder, or of what a class makes; empty where it does not say."""
    modality = said(encoder, "modality")
    return modality if isinstance(modality, str) else ""


def requirements(encoder: Any) -> frozenset[str]:
    """What a dataset must have for this encoder: of visual, textual, attributes, answers and names of its own vectors.

    Args:
        encoder: an encoder, or the class that makes it.

    Raises:
        FeatureError: see spec_of.
    """
    requires = spec_of(encoder).requires
    # An unknown modality needs nothing here: the encoder then joins, and making it says what is wrong.
    return _NEEDS.get(modality_of(encoder), frozenset()) if requires is None else requires


def check_identity(encoder: Any) -> None:
    """Check what every encoder has: a modality, a version, and a method that encodes.

    Raises:
        FeatureError: it lacks one; says what to write.
    """
    who = f"encoder '{encoder.name}'"
    for attribute, example in (("modality", '"textual"'), ("version", '"1"')):
        value = said(encoder, attribute)
        if not isinstance(value, str):
            fault = f"has no {attribute}" if value is None else f"has {attribute} {value!r}, which is not a string"
            raise FeatureError(f"{who} {fault}; write for example {attribute} = {example}")
    if encoder.modality not in MODALITIES:
        raise FeatureError(str(UnknownNameError.of("modality", encoder.modality, MODALITIES, who)))
    if not callable(said(encoder, "encode")):
        raise FeatureError(f"{who} has no method encode(items)")


def is_told_its_dataset(factory: Any) -> bool:
    """Whether what a factory makes has a method `bind`."""
    return hasattr(factory, "bind")


def _fits(name: str, value: Any) -> bool:
    return isinstance(value, str) and value in _CHOICES[name] if name in _CHOICES else _RULES[name].fits(value)


def _checked(name: str, value: Any, who: str) -> Any:
    if name in _CHOICES:
        if not _fits(name, value):
            known = [choice for choice in _CHOICES[name] if choice]
            raise FeatureError(str(UnknownNameError.of(name, str(value), known, who)))
        return value
    return _RULES[name].read(name, value, who, FeatureError)


def _contradictions(spec: EncoderSpec, encoder: Any) -> Iterator[str]:
    """What does not go together; each would fail late, or pass unnoticed."""
    if spec.separate and not spec.side_by_side:
        yield "has separate, which also needs side_by_side = True"
    if spec.parts and not callable(said(encoder, "fuse")):
        yield "has parts but no method fuse(matrices)"
    if spec.answering:
        lacking = [key for key in ANSWERING if key not in spec.answering]
        if lacking:
            yield f"has answering without {', '.join(lacking)}"
        if not callable(said(encoder, "variant")):
            yield "has answering but no method variant(settings)"


def _all(kind: Any, values: Collection[Any]) -> bool:
    return all(isinstance(value, kind) for value in values)
