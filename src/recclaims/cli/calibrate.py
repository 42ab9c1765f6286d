"""The command that measures how often verdicts are wrong: calibrate."""

from __future__ import annotations

import argparse
from pathlib import Path

from recclaims.cli.arguments import Add, add_store, count, tell_encoding
from recclaims.errors import UnknownNameError
from recclaims.paths import expanded
from recclaims.plugin_manager import registry


def add_commands(add: Add) -> None:
    """Declare it."""
    calibrate = add(
        "calibrate",
        _calibrate,
        "measure how often verdicts are wrong, and how often they find what is there, on cells where the answer is known",
    )
    calibrate.add_argument("--data", default="ml-100k", type=expanded, metavar="NAME|PATH", help="default: ml-100k")
    for what, name, text in (
        ("recommender", "freedom", "recommender whose verdicts to check"),
        ("features", "attributes", "encoder that it reads"),
        ("profile", "quick", "hyper-parameters: smoke, quick or paper"),
    ):
        calibrate.add_argument(f"--{what}", default=name, metavar="NAME", help=f"{text} (default: {name})")
    for what, usual, text in (
        ("assignments", 12, "assignments of features to items, each trained on every split"),
        ("seeds", 10, "splits"),
        ("starts", 3, "starts of the twin on every split; 1 leaves it out"),
        ("studies", 1000, "studies of each kind to draw and judge"),
    ):
        calibrate.add_argument(f"--{what}", type=count, default=usual, metavar="N", help=f"{text} (default: {usual})")
    calibrate.add_argument("--workers", type=count, metavar="N", help="training processes (default: one per core)")
    calibrate.add_argument(
        "--device", default="cpu", metavar="cpu|cuda[:N]", help="where cells are trained (default: cpu)"
    )
    add_store(calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    from recclaims.calibration.bank import Asked
    from recclaims.calibration.calibrate import calibrate
    from recclaims.engine.device import device_of
    from recclaims.engine.pipeline import Pipeline
    from recclaims.engine.profile import Profile, profile_names
    from recclaims.engine.settings import Settings, default_workers
    from recclaims.progress import bars
    from recclaims.reporting.calibration import render
    from recclaims.store import Store

    if options.profile not in profile_names():
        raise UnknownNameError.of("profile", options.profile, profile_names(), "--profile")
    asked = Asked(
        options.data, options.recommender, options.features, options.assignments, options.seeds, options.starts
    )
    settings = Settings(
        Profile.named(options.profile),
        device=device_of(options.device, option="--device"),
        workers=default_workers() if options.workers is None else options.workers,
    )
    pipeline = Pipeline(settings, registry(), Store(Path(options.store).absolute()), tell_encoding)
    with bars() as tell:
        tables = calibrate(asked, options.studies, pipeline, tell)
    print(render(asked, options.profile, options.studies, tables))
    return 0
