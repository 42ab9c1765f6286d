"""The pytest command that runs one case again, exactly as it was asked for."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims._model.reads import FILLINGS
from recclaims.features.controls.noise import NOISE

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult
    from recclaims._model.results import ResultsDocument

#: Whose claims are read without being asked for.
PROJECT = "pyproject.toml"
#: What pytest's -k takes as part of a name, in ASCII: a name is otherwise cut into the pieces between.
_NAME = re.compile(r"[A-Za-z0-9_:+\-.\[\]\\/]+")


def command(document: ResultsDocument, case: ClaimResult) -> str:
    """Return the shell command for one case of a document.

    The brackets around the name are pytest's own and make the selection exact: without them
    `bpr-sbert-permuted-toy` would also select the same case on `toy-2`.

    A case that is run alone has the same verdict. Without the `-k` the command runs every case of the claim.
    """
    dataset, treatment = case.dataset, case.treatment
    parts = ["pytest", "suite", "-m", case.claim, "-k", selection(case.case)]
    parts += ["--claims-data", document.references.get(dataset, dataset)]
    file = document.said_of(case.claim).file
    if file and Path(file).name != PROJECT:
        parts += ["--claims-file", file]
    if case.recommender in document.recommenders:
        parts += ["--claims-recommender", document.recommenders[case.recommender]]
    noise = case.treatment_noise
    encoder = treatment.removesuffix(f"/{noise}")
    for how in FILLINGS:
        encoder = encoder.removesuffix(f"/{how}")
    # An argument is not among the encoders that run by themselves; what a comparison needs besides says it itself.
    for name in case.asked or ([encoder] if ":" in encoder and not file else []):
        parts += ["--claims-encoder", name]
    if case.flavour:
        parts += ["--claims-flavour", case.flavour]
    for control in dict.fromkeys(filter(None, (noise, _noise(case)))):
        parts += ["--claims-control", control]
    parts += ["--claims-profile", document.profile, "--claims-seeds", str(document.seeds)]
    if own := document.hyperparameters.file:
        parts += ["--claims-hyperparameters", own]
    return shlex.join([*parts, "--claims-mask", document.mask])


def _noise(case: ClaimResult) -> str | None:
    """The noise that a case compares with; a document of before it was written down says so by the control's name."""
    control: str = case.control
    said: str | None = case.control_noise
    return said or (control if control in {one.name for one in NOISE} else None)


def selection(case: str) -> str:
    """The expression for -k that selects the case of this name."""
    return " and ".join(_NAME.findall(f"[{case}]"))
