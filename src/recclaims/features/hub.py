"""Where a model's files are on this machine, and by what they are known; nothing is imported or fetched."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from recclaims.data.reference import is_folder
from recclaims.features.digests import digest_of
from recclaims.paths import expanded

ALLOW = "RECCLAIMS_ALLOW_DOWNLOADS"


def downloads_allowed() -> bool:
    """Whether a model may be fetched: the user said so, and did not take the hub offline."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return ALLOW in os.environ and not offline


def hub_folder(model: str) -> Path:
    """Where huggingface_hub keeps a model, found as it finds it."""
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(expanded(os.path.expandvars(cache))) / f"models--{model.replace('/', '--')}"


def revision(model: str) -> str | None:
    """The commit of the model in the local cache, shortened."""
    path = hub_folder(model) / "refs" / "main"
    return path.read_text().strip()[:12] if path.is_file() else None


def snapshot(model: str) -> Path | None:
    """The newest snapshot of the model in the local cache; its files may be incomplete."""
    folder = hub_folder(model)
    reference = folder / "refs" / "main"
    named = folder / "snapshots" / reference.read_text().strip() if reference.is_file() else None
    if named and named.is_dir():
        return named
    found = sorted((folder / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def known_as(model: str) -> str:
    """A folder by its content, a model of the hub by its name and its revision in the local cache."""
    if is_folder(model):
        return f"sha256-{digest_of(Path(model))}"
    commit = revision(model)
    return f"{model}@{commit}" if commit else model


def quiet() -> None:
    """Silence what libraries report of a load that went well: it would stand between pytest's lines."""
    from transformers.utils import logging as transformers_logging

    for library in ("sentence_transformers", "transformers", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
