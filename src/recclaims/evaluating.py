"""`recclaims.evaluate`: plan the cases, compute their cells, judge them, and give the results."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from recclaims import trust
from recclaims._model.claim import Claim
from recclaims.data.beside import with_content
from recclaims.data.dataset import Dataset
from recclaims.data.vectors import FeatureArray, FeatureFile
from recclaims.declared import said
from recclaims.engine.device import device_of
from recclaims.engine.duration import seconds_of
from recclaims.engine.hyperparameters import read_hyperparameters
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.run_cells import Progress
from recclaims.engine.settings import LOCAL, Mask, Reuse, Settings, checked_executor, default_workers
from recclaims.errors import DatasetError, RecclaimsError, UnknownNameError
from recclaims.interop.foreign.declaration import ForeignRecommender
from recclaims.interop.foreign.recommender import is_reference, own_objects
from recclaims.judging.run_cases import run_cases
from recclaims.own_objects import OwnObjects
from recclaims.planning.claims_file import with_file
from recclaims.planning.controls import noises_of
from recclaims.planning.planner import Planner
from recclaims.plugin_manager import Registry, registry
from recclaims.recommenders.spec import Recommender, joins_unasked
from recclaims.reporting import results as documents
from recclaims.reporting.case_names import check_names
from recclaims.results import Results
from recclaims.store import Store

if TYPE_CHECKING:
    from recclaims._model.case import Case

#: A name or an object, or several of them.
Given = Any
Choice = TypeVar("Choice", bound=StrEnum)


def evaluate(
    data: Given = "ml-100k",
    *,
    answers: Given = None,
    items: str | Path | None = None,
    recommenders: Given = None,
    encoders: Given = None,
    claims: Given = None,
    controls: str | Sequence[str] | None = None,
    flavour: str | None = None,
    profile: str = "quick",
    hyperparameters: str | Path | None = None,
    replicates: int | None = None,
    budget: str | float | None = None,
    mask: str = "train+valid",
    store: str | Path = ".recclaims",
    reuse: str = "missing",
    device: str = "auto",
    executor: str = LOCAL,
    workers: int | None = None,
    trust_remote_code: bool = False,
    progress: bool | Callable[[Progress], None] = True,
) -> Results:
    """Judge claims: the same as `pytest suite`, as a function.

    Args:
        data: a reference as for `--claims-data` (`"ml-100k"`, the path of a folder), a Dataset, or several of them.
        answers: files of answers of a vision-language model, laid over all data: `"qwen2_keyword=answers.csv"` as for
            `--claims-answers`, several of these, or a mapping of names to files.
        items: a file like items.jsonl, whose titles, descriptions, images and attributes are laid over all data.
        recommenders: names, Recommender objects, classes written for other libraries (`"mmrec:PATH/TO/model.py"`,
            `"recbole:MODULE:CLASS"`, `"cornac:MODULE:CLASS"`), or several of these; None: all
            installed ones, in the profile's flavours.
        encoders: names, with arguments (`"sbert:all-mpnet-base-v2"`), objects with `name`, `modality`, `version`
            and `encode(items)`, or both; None: all installed ones, and the vectors that come with the data.
        claims: ids, Claim objects, claims files (`"claims.toml"`), or several of these; None: all installed ones but
            those that are made on request alone, and `controls`, which tests the suite itself.
        controls: the noise to compare with; None: the profile's.
        flavour: "mmrec", "elliot" or "all": whose implementation to follow where they differ; None: the profile's.
        profile: how much to train: "smoke", "quick" or "paper".
        hyperparameters: a TOML file with your hyper-parameters, which override the profile's.
        replicates: run exactly so many for every case; None: as few as decide it, up to the profile's limit.
        budget: a duration (`"10m"`) or seconds; undecided cases get more replicates, and nothing new starts after
            that time. The same call continues later.
        mask: "train+valid" or "train": which of a user's items are excluded from ranking at test time.
        store: the folder that keeps all results; what is in it is not computed again.
        reuse: "missing", "always" or "never"; see `--claims-reuse`.
        device: "auto", "cpu", "cuda" or "cuda:n".
        executor: "local" or "dask://HOST:PORT".
        workers: number of training processes; 0: train in this process; None: one per core.
        trust_remote_code: whether code shipped with a model's checkpoint may run.
        progress: True for a bar on the terminal, False for none, or a function to call at each step.

    Returns:
        The verdicts and everything they rest on.

    Raises:
        RecclaimsError: a name or value is unknown, there are no cases for them, or a dataset cannot be read. An error
            in an encoder or a cell does not raise: its cases get the verdict `not_run` or `inadmissible`.
    """
    kept = Store(Path(store).expanduser().absolute())
    references, datasets = _split(data, "data")
    references = [with_content(one, _pairs(answers), str(items) if items else None, "answers") for one in references]
    brought = [_Brought(_on_disk(dataset, kept)) for dataset in datasets]
    chosen, own_recommenders = _split(recommenders, "recommenders")
    encoding, own_encoders = _split(encoders, "encoders")
    ids, own_claims = _split(claims, "claims")
    known = registry()
    opened = [one for one in own_recommenders if isinstance(one, ForeignRecommender)]
    classes = own_objects([*(name for name in chosen if is_reference(name)), *opened])
    own_recommenders = [one for one in own_recommenders if one not in opened]
    named = [one.name for one in classes.objects["recommenders"]]
    chosen = [*(name for name in chosen if not is_reference(name)), *named]
    if datasets or own_recommenders or own_encoders or own_claims or named:
        own = OwnObjects.of(datasets=brought, recommenders=own_recommenders, encoders=own_encoders, claims=own_claims)
        known = own.joined(classes).beside(known)
    lines = _profile(profile, hyperparameters, known)
    recommender_filter = _admits(chosen, flavour, lines, known)
    planner = Planner(
        references,
        known,
        encoding,
        recommender_filter,
        lambda recommender: recommender_filter(recommender) and lines.plants(recommender),
        noises_of([controls] if isinstance(controls, str) else controls, lines.controls, known, "controls"),
    )
    for file in [one for one in ids if one.endswith(".toml")]:
        installed, known = {*known.claims}, with_file(known, Path(file).expanduser())
        place = ids.index(file)
        ids[place : place + 1] = [name for name in known.claims if name not in installed]
    installed_ones = [one for one in known.claims.values() if not (one.planted or one.on_request)]
    asked = [known.find("claims", one) for one in ids] if ids else installed_ones
    with trust.given(trust_remote_code):  # which cases there are already depends on what may be loaded
        cases = _cases(planner, asked)
    settings = Settings(
        profile=lines,
        budget=None if budget is None else seconds_of(str(budget)),
        replicates=None if replicates is None else _count(replicates, "replicates", 1),
        mask=_member(Mask, mask, "mask"),
        reuse=_member(Reuse, reuse, "reuse"),
        device=device_of(device, here=executor == LOCAL),
        workers=default_workers() if workers is None else _count(workers, "workers", 0),
        executor=checked_executor(executor),
        trust_remote_code=trust_remote_code,
    )
    kept.sweep()
    with _telling(progress) as tell:
        done = run_cases(cases, Pipeline(settings, known, kept), tell, controls=planner.controls_of(cases))
    return Results(documents.build(done), done)


def _split(given: Given, what: str) -> tuple[list[str], list[Any]]:
    """All names of what somebody gives, one or several names or objects, and the objects among them."""
    if given is None:
        return [], []
    one = isinstance(given, str | Path | Dataset | Recommender | Claim) or hasattr(given, "name")
    entries: list[Any] = [given] if one else list(given)
    if not entries:
        raise RecclaimsError(f"{what}: is empty; leave it out to take all")
    objects = [entry for entry in entries if not isinstance(entry, str | Path)]
    for entry in objects:
        if not isinstance(said(entry, "name"), str):
            raise RecclaimsError(f"{what}: {entry!r} is neither a name nor an object with a `name`")
    return [str(entry) if isinstance(entry, str | Path) else entry.name for entry in entries], objects


def _pairs(answers: Given) -> list[str]:
    """Answers as `NAME=FILE`, however they are given."""
    if isinstance(answers, Mapping):
        return [f"{name}={file}" for name, file in answers.items()]
    return [answers] if isinstance(answers, str) else list(answers or ())


class _Brought:
    """A dataset of the program, as a source."""

    def __init__(self, dataset: Dataset) -> None:
        if any(mark in dataset.name for mark in ":?"):
            raise DatasetError(f"dataset '{dataset.name}': the name of a dataset in memory must not contain : or ?")
        self.dataset, self.name = dataset, dataset.name

    @property
    def modalities(self) -> frozenset[str]:
        items = self.dataset.items
        carried = {
            "visual": any(item.image_path for item in items),
            "textual": any(item.text for item in items),
            "attributes": any(item.attributes for item in items),
            "answers": any(item.answers for item in items),
        }
        return frozenset(name for name, there in carried.items() if there)

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for item in self.dataset.items for name in item.answers))

    @property
    def features(self) -> dict[str, FeatureFile]:
        return {name: one for name, one in self.dataset.features.items() if isinstance(one, FeatureFile)}

    def load(self) -> Dataset:
        return self.dataset


def _on_disk(dataset: Dataset, store: Store) -> Dataset:
    """The dataset with its arrays in files of the store, where every process finds them."""
    files: dict[str, FeatureFile | FeatureArray] = {}
    for name, one in dataset.features.items():
        files[name] = one
        if isinstance(one, FeatureArray):
            matrix = np.ascontiguousarray(one.matrix)
            digest = hashlib.sha256(f"{matrix.dtype} {matrix.shape}".encode() + matrix.tobytes()).hexdigest()
            recipe = {"sha256": digest}
            found = store.find("arrays", recipe) or store.save("arrays", recipe, {"matrix": matrix})
            files[name] = FeatureFile(found.path / "matrix.npy", one.modality, rows=one.ids)
    return dataclasses.replace(dataset, features=files)


def _profile(name: str, hyperparameters: str | Path | None, known: Registry) -> Profile:
    profile = Profile.named(name)
    if hyperparameters is None:
        return profile
    own = read_hyperparameters(Path(hyperparameters).expanduser(), known.recommenders)
    return dataclasses.replace(profile, own=own)


def _admits(
    names: Sequence[str], flavour: str | None, profile: Profile, known: Registry
) -> Callable[[Recommender], bool]:
    """Which recommenders take part: those that are named, or else all in a flavour."""
    for name in names:
        if not known.find("recommenders", name, "recommenders").content:
            raise RecclaimsError(f"recommenders: '{name}' reads no features; claims compare with it automatically")
    if flavour not in (None, "mmrec", "elliot", "all"):
        raise UnknownNameError.of("flavour", flavour, ["mmrec", "elliot", "all"], "flavour")
    if names:
        return lambda recommender: recommender.name in names

    def admitted(recommender: Recommender) -> bool:
        if not joins_unasked(recommender):
            return False
        if flavour is None:
            return profile.admits(recommender)
        return flavour == "all" or recommender.flavour in (None, flavour)

    return admitted


def _cases(planner: Planner, claims: Sequence[Claim]) -> list[Case]:
    """All cases of the claims.

    Raises:
        RecclaimsError: there are none; says what the first claim needs.
    """
    by_claim = {claim.id: planner.cases(claim) for claim in claims}
    cases = [case for several in by_claim.values() for case in several]
    if not cases:
        raise RecclaimsError(f"claim '{claims[0].id}': {planner.why_none(claims[0])}")
    check_names(cases)
    return cases


def _member(kind: type[Choice], value: str, what: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise UnknownNameError.of(what, value, [str(one) for one in kind], what) from None


def _count(value: int, what: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise RecclaimsError(f"{what}: {value!r} is not a whole number of {least} or more")
    return value


@contextlib.contextmanager
def _telling(progress: bool | Callable[[Progress], None]) -> Iterator[Callable[[Progress], None]]:
    if callable(progress):
        yield progress
    elif progress:
        from recclaims.progress import bars

        with bars() as tell:
            yield tell
    else:
        yield lambda _: None
