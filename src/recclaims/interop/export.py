"""Write a dataset with one replicate's split, and features, as another program reads them; all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims import RecclaimsError, UnknownNameError, __version__
from recclaims.data.folder import MANIFEST
from recclaims.data.vectors import sidecar
from recclaims.features.resolve import facts_of
from recclaims.interop.mmrec import MMREC
from recclaims.interop.recbole import RECBOLE
from recclaims.interop.tables import plain

if TYPE_CHECKING:
    from recclaims import Dataset
    from recclaims.engine.pipeline import Pipeline
    from recclaims.interop.tables import Format

FORMATS = {made.name: made for made in (MMREC, RECBOLE)}
#: What a matrix of a modality is called, as MMRec does.
MATRICES = {"visual": "image_feat.npy", "textual": "text_feat.npy", "multimodal": "multimodal_feat.npy"}
RECORD = "export.json"


def export(
    pipeline: Pipeline, reference: str, form: str, to: Path, encoders: Sequence[str] = (), seed: int = 0
) -> list[Path]:
    """Write a dataset into a new or empty folder; where anything fails, nothing is left there.

    Args:
        pipeline: what reads datasets and finds or computes features.
        reference: the dataset.
        form: a name in FORMATS.
        to: the folder; its name is that of the data, too.
        encoders: whose features are written, at most one of each modality.
        seed: the replicate whose split is written.

    Returns:
        The files.

    Raises:
        RecclaimsError: the folder is not empty or cannot be written, an encoder's features cannot be had or their
            modality is taken, or an id does not fit into the format.
    """
    if form not in FORMATS:
        raise UnknownNameError.of("format", form, FORMATS, "--format")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RecclaimsError(f"{to}: already exists and is not an empty folder; name a new one")
    if seed < 0:
        raise RecclaimsError(f"--seed {seed}: replicates are counted from 0")
    names = _names(pipeline, encoders)
    dataset, split = pipeline.dataset(reference), pipeline.split(reference, seed)
    artefacts = {name: pipeline.encode(reference, encoder) for name, encoder in names.items()}
    draft = to.resolve().with_name(f".{to.resolve().name}.{os.getpid()}.draft")
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise RecclaimsError(f"{draft}: cannot be made: {error.strerror or error}") from None
    try:
        FORMATS[form].write(dataset, split, draft, to.resolve().name)
        described: dict[str, Any] = {}
        for name, artefact in artefacts.items():
            _write_matrix(draft / name, artefact.array("matrix"), dataset, FORMATS[form])
            facts = artefact.json("facts")
            version_of = artefact.manifest["recipe"]["version"]
            described[name] = {key: facts[key] for key in ("encoder", "modality", "imputed")} | {"version": version_of}
        _write_record(draft, dataset, {"format": form, "seed": seed, "features": described}, to.resolve().name)
        if to.exists():
            to.rmdir()
        draft.replace(to)
    except OSError as error:
        raise RecclaimsError(f"{to}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sorted(to.iterdir())


def _names(pipeline: Pipeline, encoders: Sequence[str]) -> dict[str, str]:
    """The encoder of each matrix to be written."""
    names: dict[str, str] = {}
    for encoder in dict.fromkeys(encoders):
        modality = facts_of(encoder, pipeline.registry, "--encoder").modality
        name = MATRICES[modality]
        if name in names:
            raise RecclaimsError(
                f"--encoder {encoder}: {names[name]} is also {modality}, and {name} holds the features of only one"
            )
        names[name] = encoder
    return names


def _write_matrix(path: Path, matrix: np.ndarray[Any, Any], dataset: Dataset, form: Format) -> None:
    np.save(path, matrix, allow_pickle=False)
    if form.rows_need_ids:
        ids = plain((item.item_id for item in dataset.items), "items")
        sidecar(path).write_text("\n".join(ids) + "\n", encoding="utf-8")


def _write_record(folder: Path, dataset: Dataset, record: dict[str, Any], name: str) -> None:
    """Say where the data is from, for people, and how it is scored, for recclaims when it reads the folder again."""
    record |= {
        "dataset": dataset.name,
        "split": "given" if dataset.given_split is not None else dataset.strategy,
        "planted": dataset.planted,
        "recclaims": __version__,
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    lines = [] if dataset.relevance is None else [f"relevance = {dataset.relevance!r}"]
    lines += ['split = "cold"'] if dataset.holds_out_items else []
    # Simulated data says so wherever it goes.
    lines += [f"name = {json.dumps(f'{name}-planted')}"] if dataset.planted else []
    if lines:
        (folder / MANIFEST).write_text("\n".join(lines) + "\n", encoding="utf-8")
