"""The options `--claims-...`: their names, their values, and the settings they lead to."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recclaims.data.beside import with_content
from recclaims.engine.device import device_of
from recclaims.engine.duration import seconds_of
from recclaims.engine.hyperparameters import read_hyperparameters
from recclaims.engine.profile import Profile, profile_names
from recclaims.engine.settings import LOCAL, Mask, Reuse, Settings, checked_executor, default_workers
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.features.devices import has_gpu
from recclaims.paths import expanded
from recclaims.planning.claims_file import with_file, with_project
from recclaims.planning.controls import noises_of
from recclaims.plugin_manager import Registry, registry
from recclaims.recommenders.spec import Recommender, joins_unasked

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument


def _profile(name: str) -> str:
    if name not in profile_names():
        raise argparse.ArgumentTypeError(str(UnknownNameError.of("profile", name, profile_names())))
    return name


def _between(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not (text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most:,}")
        return int(text)

    return whole_number


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a price: write a number of 0 or more")
    return price


def _duration(text: str) -> float:
    try:
        return seconds_of(text)
    except RecclaimsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _executor(text: str) -> str:
    try:
        return checked_executor(text)
    except RecclaimsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_options(parser: pytest.Parser) -> None:
    """Add the options `--claims-...`."""
    group = parser.getgroup("recclaims", "claims of multimodal recommendation (recclaims)")
    add = group.addoption
    add(
        "--claims-data",
        action="append",
        metavar="NAME|PATH",
        type=expanded,
        help="dataset, repeatable: a name or a folder (default: ml-100k)",
    )
    add(
        "--claims-answers",
        action="append",
        metavar="NAME=FILE",
        help="answers of a vision-language model from a CSV, TSV or JSONL file, laid over every dataset, repeatable: "
        "qwen2_keyword=FILE, or FILE?id=COLUMN&answer=COLUMN (docs/vision-language.md)",
    )
    add(
        "--claims-items",
        metavar="FILE",
        type=expanded,
        help="titles, descriptions, images and attributes from a file like items.jsonl, laid over every dataset "
        "(docs/other-formats.md)",
    )
    add(
        "--claims-encoder",
        action="append",
        metavar="NAME[:ARGUMENT]",
        help="encoder, repeatable (default: all installed)",
    )
    add(
        "--claims-recommender",
        action="append",
        metavar="NAME|LIBRARY:CLASS",
        help="one more recommender, repeatable: one that runs only if named (mgcn), or a class written for "
        "another library: mmrec:FILE[:CLASS], recbole:MODULE:CLASS, cornac:MODULE:CLASS",
    )
    add(
        "--claims-file",
        action="append",
        metavar="FILE",
        type=expanded,
        help="TOML file with claims of your own, repeatable (docs/claims-file.md); [tool.recclaims] of pyproject.toml "
        "is read, too",
    )
    add(
        "--claims-profile",
        type=_profile,
        metavar="NAME",
        help="how much to train: smoke, quick or paper (default: quick)",
    )
    add(
        "--claims-hyperparameters",
        metavar="FILE",
        type=expanded,
        help="TOML file with your hyper-parameters; they override the profile's",
    )
    add(
        "--claims-flavour",
        choices=["mmrec", "elliot", "all"],
        help="whose implementation to follow where MMRec and Elliot differ (default: the profile's)",
    )
    add(
        "--claims-control",
        action="append",
        metavar="NAME|all",
        help="kind of noise to compare with, repeatable (default: the profile's)",
    )
    add(
        "--claims-seeds",
        type=_between(1, 10_000),
        metavar="N",
        help="run exactly N replicates of every case, each with its own split and seed (default: as few as decide the "
        "case, up to the profile's limit)",
    )
    add(
        "--claims-budget",
        type=_duration,
        metavar="TIME",
        help="give undecided cases more replicates, and start nothing new after TIME (90s, 10m or 1.5h); the same "
        "command continues (default: no limit)",
    )
    add(
        "--claims-store",
        metavar="DIR",
        type=expanded,
        default=".recclaims",
        help="folder that keeps all results for reuse (default: .recclaims)",
    )
    add(
        "--claims-reuse",
        choices=[str(reuse) for reuse in Reuse],
        default="missing",
        help="missing: compute what is not stored (default); always: compute nothing; never: train everything again",
    )
    add(
        "--claims-report",
        metavar="DIR",
        type=expanded,
        default="reports/latest",
        help="folder for the reports (default: reports/latest)",
    )
    add(
        "--claims-baseline",
        metavar="FILE",
        type=expanded,
        help="an earlier results.json; a case then fails only if it got worse",
    )
    add("--claims-update-baseline", action="store_true", help="write this run's results to --claims-baseline")
    add(
        "--claims-device",
        metavar="DEVICE",
        default="auto",
        help="where to train: auto, cpu or cuda[:n] (default: auto)",
    )
    add(
        "--claims-executor",
        type=_executor,
        metavar="WHERE",
        default=LOCAL,
        help="which machines train: local (default) or dask://HOST:PORT",
    )
    add(
        "--claims-mask",
        choices=[str(mask) for mask in Mask],
        default="train+valid",
        help="which of a user's items to exclude from ranking at test time (default: train+valid)",
    )
    add(
        "--claims-price-per-hour",
        type=_price,
        metavar="X",
        help="price of an hour on this machine, in any currency, for the table of encoder costs",
    )
    add(
        "--claims-timings",
        action="store_true",
        help="also show pytest-benchmark's tables: how long the cells of each case took to train",
    )
    add(
        "--claims-trust-remote-code",
        action="store_true",
        help="allow code shipped with a model's checkpoint to run (default: not allowed)",
    )
    add(
        "--claims-workers",
        type=_between(0, 1024),
        metavar="N",
        help="number of training processes; 0: train in this process (default: one per core)",
    )


#: What runs where nobody names data.
DEFAULT_DATASETS = ("ml-100k",)


def references_of(config: pytest.Config) -> list[str]:
    """The datasets, each with the content that is laid over it.

    Raises:
        RecclaimsError: what --claims-answers says is not NAME=FILE.
    """
    option = config.getoption
    answers, items = option("claims_answers") or (), option("claims_items")
    named = option("claims_data") or DEFAULT_DATASETS
    return [with_content(reference, answers, items, "--claims-answers") for reference in named]


REGISTRY = pytest.StashKey[Registry]()


def registry_of(config: pytest.Config) -> Registry:
    """What is installed, what --claims-recommender names, and the claims of the user's files.

    Raises:
        RecclaimsError: what an option names cannot be used.
    """
    if REGISTRY not in config.stash:
        asked = config.getoption("claims_recommender") or ()
        found = registry()
        if references := [one for one in asked if ":" in one]:
            from recclaims.interop.foreign.recommender import own_objects

            found = own_objects(references).beside(found)
        for name in set(asked).difference(references):
            if not found.find("recommenders", name, "--claims-recommender").content:
                raise RecclaimsError(
                    f"--claims-recommender {name}: it reads no features; claims compare with it anyway"
                )
        found = with_project(found, config.rootpath)
        for file in config.getoption("claims_file") or ():
            found = with_file(found, Path(file))
        config.stash[REGISTRY] = found
    return config.stash[REGISTRY]


def named_recommenders(config: pytest.Config) -> set[str]:
    """The recommenders that --claims-recommender, -k, -m or a module names: `-m ensemble` is about one of that name."""
    found = registry_of(config)
    own = {name for kind, name in (found.own.origin if found.own else ()) if kind == "recommenders"}
    words = set(re.findall(r"[\w-]+", f"{config.getoption('keyword')} {config.getoption('markexpr')}"))
    words |= {Path(arg.partition("::")[0]).stem.removeprefix("test_") for arg in config.args}
    return own | (words | {*(config.getoption("claims_recommender") or ())}) & {*found.recommenders}


def recommender_filter(config: pytest.Config) -> Callable[[Recommender], bool]:
    """Which recommenders take part."""
    wanted = config.getoption("claims_flavour")
    by_profile = profile_of(config).admits
    named = named_recommenders(config)

    def admitted(recommender: Recommender) -> bool:
        if recommender.name in named and (recommender.on_request or recommender.reference):
            return True  # whoever names one wants it, whatever its family
        if not joins_unasked(recommender):
            return False
        return by_profile(recommender) if wanted is None else wanted == "all" or recommender.flavour in (None, wanted)

    return admitted


def planted_filter(config: pytest.Config) -> Callable[[Recommender], bool]:
    """Which recommenders are tested on planted data."""
    profile, admitted = profile_of(config), recommender_filter(config)
    return lambda recommender: admitted(recommender) and profile.plants(recommender)


def control_names(config: pytest.Config) -> tuple[str, ...]:
    """Which noise controls to compare with; empty: all."""
    asked = config.getoption("claims_control")
    return noises_of(asked, profile_of(config).controls, registry_of(config), "--claims-control")


def profile_of(config: pytest.Config) -> Profile:
    """The requested profile, with the hyper-parameters of --claims-hyperparameters.

    Raises:
        RecclaimsError: the file of hyper-parameters cannot be used.
    """
    profile = Profile.named(config.getoption("claims_profile") or "quick")
    file = config.getoption("claims_hyperparameters")
    if file is None:
        return profile
    return replace(profile, own=read_hyperparameters(Path(file), registry_of(config).recommenders))


def settings_of(config: pytest.Config) -> Settings:
    """Read the options into Settings.

    Raises:
        RecclaimsError: this machine has no such device.
    """
    option = config.getoption
    profile = profile_of(config)
    executor = option("claims_executor")
    device = device_of(option("claims_device"), here=executor == LOCAL)
    workers = option("claims_workers")
    return Settings(
        profile=profile,
        replicates=option("claims_seeds"),
        budget=option("claims_budget"),
        mask=Mask(option("claims_mask")),
        reuse=Reuse(option("claims_reuse")),
        device=device,
        workers=default_workers() if workers is None else workers,
        executor=executor,
        trust_remote_code=option("claims_trust_remote_code"),
    )


def what_computes(config: pytest.Config) -> str:
    """What trains, for the first lines of a run; found out without importing torch."""
    executor, wanted = config.getoption("claims_executor"), config.getoption("claims_device")
    workers = config.getoption("claims_workers")
    workers = default_workers() if workers is None else workers
    processes = f"{workers} process{'es' * (workers != 1)} of one thread" if workers else "this process"
    if executor != LOCAL:
        return f"the workers of {executor} train"
    if wanted == "cpu" or (wanted == "auto" and not has_gpu()):
        return f"{processes} train{'s' * (workers < 2)} on the CPU"
    gpu = "every GPU trains" if wanted in ("auto", "cuda") else f"{wanted} trains"
    return f"{gpu} similar cells together; the rest is left to {processes}"


def baseline_of(config: pytest.Config) -> ResultsDocument | None:
    """The document that --claims-baseline names, see reporting.baseline.chosen."""
    from recclaims.reporting.baseline import chosen

    return chosen(config.getoption("claims_baseline"), config.getoption("claims_update_baseline"))
