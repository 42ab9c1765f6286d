"""results.json: the contract that every report, baseline and other tool reads."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims._model.results import SCHEMA, DatasetCard, Hyperparameters, ResultsDocument
from recclaims._model.verdict import Verdict
from recclaims.data.reference import path_in
from recclaims.engine.machine import hardware, installed_version
from recclaims.errors import RecclaimsError
from recclaims.evaluation.metrics import PRIMARY
from recclaims.json_keys import each_key_once
from recclaims.judging.headline import Headline, headlines
from recclaims.judging.rankings import rankings
from recclaims.regular_file import open_text
from recclaims.reporting.files import write_atomically
from recclaims.reporting.outline import Outline, Question
from recclaims.reporting.per_user import write_per_user
from recclaims.reporting.privacy import share, shareable
from recclaims.reporting.ranks import as_json
from recclaims.reporting.schema import as_document, checked

if TYPE_CHECKING:
    from recclaims._model.case import Case
    from recclaims._model.claim import Claim
    from recclaims.engine.cell import CellResult
    from recclaims.engine.pipeline import Pipeline
    from recclaims.engine.settings import Settings
    from recclaims.judging.case_result import CaseResult, Look
    from recclaims.judging.run_cases import Run

#: The largest file that is read.
MAX_BYTES = 500_000_000
LIBRARIES = (
    "recclaims",
    "numpy",
    "scipy",
    "torch",
    "torchvision",
    "transformers",
    "sentence-transformers",
    "recbole",
    "pytest",
)


def build(run: Run, price_per_hour: float | None = None) -> ResultsDocument:
    """Turn a run into the document that results.json holds, without places and secrets.

    Args:
        run: the run.
        price_per_hour: what an hour of the machine costs, in whatever currency; None: nobody said.

    Raises:
        RecclaimsError: a figure is of another kind than results.json has; names it.
    """
    settings = run.settings
    document = {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **_budget(settings),
        "environment": environment(settings.device, run.outcome.machines),
        "datasets": run.cards,
        "headlines": [_headline(headline) for headline in headlines(run.judged.values())],
        "rankings": [as_json(one, run.shown) for one in rankings([*run.judged.values()], run.outcome.results)],
        "claims": [_claim(result) for result in run.judged.values()],
        "cells": [_cell(result, run) for result in run.outcome.results.values()],
        "encoders": run.encoders,
        "keywords": run.keywords,
        "price_per_hour": price_per_hour,
        "statements": {
            case.claim.id: {**_statement(case.claim), "file": shareable(run.files.get(case.claim.id, ""))}
            for case in run.judged
        },
        "references": {name: shareable(reference) for reference, name in run.names.items()},
        "recommenders": run.classes,
    }
    return as_document(_shared(document, run.names), "results.json")


def outline(cases: Sequence[Case], pipeline: Pipeline) -> Outline:
    """What `build` will say of these cases that is known before anything is trained: all that comparisons ask for."""
    references = dict.fromkeys(cell.dataset for case in cases for cell in case.cells(1))
    budget, cards = _budget(pipeline.settings), [pipeline.dataset(reference).card() for reference in references]
    shared = _shared({**budget, "datasets": cards, "names": [case.id for case in cases]}, references)
    return Outline(
        profile=shared["profile"],
        seeds=shared["seeds"],
        mask=shared["mask"],
        hyperparameters=Hyperparameters.of(shared["hyperparameters"]),
        datasets=[DatasetCard.of(card) for card in shared["datasets"]],
        questions=[
            Question(case.claim.id, case.claim.version, name, case.claim.metric)
            for case, name in zip(cases, shared["names"], strict=True)
        ],
    )


def _budget(settings: Settings) -> dict[str, Any]:
    return {
        "profile": settings.profile.name,
        "seeds": settings.seeds,
        "looks": list(settings.looks(training_free=False)),
        "mask": str(settings.mask),
        "hyperparameters": {"file": settings.profile.own.file, "tables": settings.profile.own.tables()},
    }


def _shared(document: Mapping[str, Any], references: Iterable[str]) -> dict[str, Any]:
    places = (path_in(reference.partition("?")[0]) for reference in references)
    shared: dict[str, Any] = share(document, (place for place in places if Path(place).is_absolute()))
    return shared


def _statement(claim: Claim) -> dict[str, Any]:
    """What a claim says and who says it, so that a report needs nothing but the document."""
    return {
        "version": claim.version,
        "statement": claim.statement,
        "source": claim.source,
        "direction": claim.direction,
        "equivalence": claim.equivalence,
        "at_least": claim.at_least or None,
        "not_worse_than": claim.not_worse_than,
        "not_better_than": claim.not_better_than,
        "planted": claim.planted,
    }


def _claim(result: CaseResult) -> dict[str, Any]:
    case, claim, estimate = result.case, result.case.claim, result.estimate
    document: dict[str, Any] = {
        "claim": claim.id,
        "version": claim.version,
        "case": case.id,
        "dataset": case.dataset_name,
        "recommender": case.recommender,
        "flavour": case.flavour,
        "treatment": case.treatment,
        "treatment_noise": case.arms[0].noise,
        "control": case.control,
        "control_noise": case.arms[1].noise,
        "expects": case.expects and str(case.expects),
        "asked": list(case.asked),
        "metric": claim.metric,
        "estimand": (ESTIMAND_OF_TWO if claim.than_on else ESTIMAND) if estimate else None,
        "margin": claim.margin,
        "threshold": _threshold(claim),
        "level": claim.level,
        "confirmatory": case.confirmatory,
        "verdict": str(result.verdict),
        "reason": result.reason,
        "n_seeds": result.replicates,
        "n_fixed": result.n_fixed,
        "population": claim.spoken_of,
        "n_tested": result.n_tested,
        "seconds": result.seconds,
        "looks": [_look(look) for look in result.looks],
        "planned": list(result.planned),
        "chance": _chance(result),
    }
    if estimate is not None:
        low, high = estimate.interval(result.shown)
        # In units of the metric, so that effect and limits are to each other as the relative ones.
        relative = estimate.relative if math.isfinite(estimate.log_ratio) else math.nan
        document |= {
            "treatment_mean": _number(estimate.treatment_mean),
            "control_mean": _number(estimate.control_mean),
            "effect": _number(relative * estimate.control_mean),
            "relative_effect": _number(relative),
            "ci": [_number(limit * estimate.control_mean) for limit in (low, high)],
            "p_value": _number(estimate.p_value),
            "p_adjusted": None,
            "n_users": estimate.n_users,
            "interval": "log_ratio",
        }
    else:
        empty = ("treatment_mean", "control_mean", "effect", "relative_effect", "p_value", "p_adjusted")
        document |= dict.fromkeys(empty) | {"ci": [None, None], "n_users": 0}
    beside = result.beside
    if beside is not None:
        document["beside"] = {
            "metric": PRIMARY,
            "treatment_mean": _number(beside.treatment_mean),
            "control_mean": _number(beside.control_mean),
            "relative_effect": _number(beside.relative) if math.isfinite(beside.log_ratio) else None,
            "relative_ci": [_number(limit) for limit in beside.interval(result.shown)],
        }
    return document


#: What the effect is of.
ESTIMAND = "log ratio of the arms' means, over splits, initialisations and users like these"

ESTIMAND_OF_TWO = "log ratio of the ratios of treatment to control on both kinds of items, over the same"


def _threshold(claim: Claim) -> float | None:
    """Of a claim that states one: how much better, or how little worse or better."""
    stated = (claim.not_worse_than, claim.not_better_than, claim.at_least or None)
    return next((share for share in stated if share is not None), None)


def _look(look: Look) -> dict[str, Any]:
    low, high = look.estimate.interval(1 - look.levels.sides)
    return {
        "replicates": look.replicates,
        "level": look.levels.sides,
        "equivalence_level": look.levels.equivalence,
        "effect": _number(look.estimate.relative) if math.isfinite(look.estimate.log_ratio) else None,
        "ci": [_number(low), _number(high)],
        "p": _number(look.estimate.p_value),
        "decided": look.verdict is not Verdict.INCONCLUSIVE,
    }


def _headline(headline: Headline) -> dict[str, Any]:
    low, high = headline.ci or (math.nan, math.nan)
    effect = None if headline.effect is None else _number(headline.effect)
    return asdict(headline) | {"effect": effect, "ci": [_number(low), _number(high)]}


def _chance(result: CaseResult) -> dict[str, Any] | None:
    plan = result.chance
    if plan is None:
        return None
    minutes = result.seconds / max(result.replicates, 1) * (plan.replicates - result.replicates) / 60
    return {"replicates": plan.replicates, "minutes": minutes, "probability": plan.probability}


def _cell(result: CellResult, run: Run) -> dict[str, Any]:
    cell = run.called(result.cell)
    return {
        "dataset": run.names[cell.dataset],
        "features": cell.arm,
        "recommender": cell.recommender,
        "seed": cell.seed,
        "metrics": result.metrics,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "best_is_last": result.cell in run.improving,
        "valid_score": result.valid_score,
        "trials": result.trials,
        "tuned": result.tuned,
        "seconds": result.seconds,
        "peak_mb": result.peak_mb,
        "key": result.key,
    }


def _number(value: float) -> float | None:
    """A float for JSON, which has no NaN."""
    return float(value) if math.isfinite(value) else None


def environment(device: str, machines: Sequence[Mapping[str, str | None]] = ()) -> dict[str, Any]:
    """Versions and machines, without anything that names a person or a place.

    Args:
        device: what was computed on.
        machines: what computed, see Executor; empty: this machine.
    """
    machines = machines or [hardware(device)]

    def kinds(of: str) -> str | None:
        return "; ".join(sorted({name for machine in machines if (name := machine[of])})) or None

    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": kinds("cpu"),
        "cores": os.cpu_count(),
        "device": device,
        "gpu": kinds("gpu"),
        "commit": _commit(),
        "versions": {library: installed_version(library) for library in LIBRARIES},
    }


def _commit() -> str | None:
    """The commit of the clone that recclaims runs from; None where it was installed from a wheel."""
    here = Path(__file__).resolve().parents[3]
    if not (here / ".git").exists():
        return None
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None


def write(document: ResultsDocument, run: Run | None, directory: Path) -> None:
    """Write results.json and, where the run is known, per_user.parquet, each atomically.

    Raises:
        RecclaimsError: the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(
            directory / "results.json",
            json.dumps(document.as_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n",
        )
        if run is not None:
            write_per_user(run, directory / "per_user.parquet")
    except OSError as error:
        raise RecclaimsError(f"{directory}: cannot write the report: {error.strerror or error}") from error


def write_baseline(document: ResultsDocument, path: Path) -> None:
    """Write what later runs are compared with: the document without its cells, which nobody reads there."""
    slim = {key: value for key, value in document.as_json().items() if key not in {"cells", "encoders", "keywords"}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(slim, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    except OSError as error:
        raise RecclaimsError(f"{path}: cannot write the baseline: {error.strerror or error}") from error


def read(path: Path) -> ResultsDocument:
    """Read a results.json.

    Raises:
        RecclaimsError: the file does not exist, is not JSON or too large, has another schema, or a field that is
            missing or of another type.
    """
    try:
        with open_text(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise RecclaimsError(f"{path}: has more than {MAX_BYTES:,} bytes")
            document = json.loads(file.read(), parse_constant=_refused, object_pairs_hook=each_key_once)
    except OSError as error:
        raise RecclaimsError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RecclaimsError(f"{path}: not a results.json: {error}") from error
    return checked(document, str(path))


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")
