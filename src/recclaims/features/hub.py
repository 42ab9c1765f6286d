"""Where a model is on this machine and by what it is known, as huggingface_hub has it; nothing is fetched."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from recclaims.data.reference import is_folder
from recclaims.features.digests import digest_of

ALLOW = "RECCLAIMS_ALLOW_DOWNLOADS"


def downloads_allowed() -> bool:
    """Whether a model may be fetched: the user said so, and did not take the hub offline."""
    from huggingface_hub import constants

    return ALLOW in os.environ and not constants.HF_HUB_OFFLINE


def revision(model: str, wanted: str = "") -> str | None:
    """The commit of the model in the local cache, shortened.

    Args:
        model: its name on the hub.
        wanted: a branch, a tag or a whole commit; empty: the main branch.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model")
    path = folder / "refs" / (wanted or constants.DEFAULT_REVISION)
    if path.is_file():
        return path.read_text().strip()[:12]
    return wanted[:12] if wanted and (folder / "snapshots" / wanted).is_dir() else None


def snapshot(model: str, wanted: str = "") -> Path | None:
    """The model's snapshot in the local cache; None where there is none, or where it is known to be incomplete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=wanted or None, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):  # no name of a model, or none that is here
        return None


def absent(model: str) -> str:
    """Say that a model of the hub is not here, and how to get it."""
    return (
        f"needs the model {model}, which is not on this machine: hf download {model}, "
        f"or set {ALLOW}=1 (and leave HF_HUB_OFFLINE unset), or name a folder that holds it"
    )


def known_as(model: str, wanted: str = "") -> str:
    """A folder by its content, a model of the hub by its name and its revision in the local cache."""
    if is_folder(model):
        return f"sha256-{digest_of(Path(model))}"
    commit = revision(model, wanted)
    return f"{model}@{commit}" if commit else model


def quiet() -> None:
    """Silence what libraries report of a load that went well: it would stand between pytest's lines."""
    from transformers.utils import logging as transformers_logging

    for library in ("sentence_transformers", "transformers", "huggingface_hub", "mteb"):
        logging.getLogger(library).setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
