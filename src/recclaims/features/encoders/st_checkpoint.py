"""What an embedding model reads, as its files say before anything is loaded; the loaded model has the last word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recclaims.data.reference import is_folder
from recclaims.errors import FeatureError
from recclaims.features.hub import absent, downloads_allowed, known_as, snapshot
from recclaims.paths import expanded

TEXT, IMAGE, TOGETHER = "text", "image", "image+text"
#: What sentence-transformers calls a chat message, in which a model that knows them reads text and image together.
_MESSAGE = "message"
#: The files in which the first module of a saved model says what it reads.
_SETTINGS = "sentence_*_config.json"
_REVISION = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")


@dataclass(frozen=True)
class EmbeddingCheckpoint:
    """A model that sentence-transformers loads, by its name on the hub or its folder.

    Attributes:
        model: `org/name`, or the path of a folder.
        revision: a branch, a tag or a commit of the hub; empty: the main branch, and of a folder.
    """

    model: str
    revision: str = ""

    @classmethod
    def of(cls, name: str, revision: str, who: str) -> EmbeddingCheckpoint:
        """Find what a name or a path refers to.

        Args:
            name: as a person wrote it; a bare name is one of sentence-transformers' own, as there.
            revision: likewise.
            who: the encoder, for messages.

        Raises:
            FeatureError: there is no such folder, or no embedding model in it, or no such revision can be meant.
        """
        path = expanded(name)
        if not is_folder(path) and path.startswith((".", "/")):
            raise FeatureError(f"{who}: there is no folder {name}")
        if is_folder(path) and revision:
            raise FeatureError(f"{who}: a folder has no revision; leave revision out")
        if revision and not _REVISION.fullmatch(revision):
            raise FeatureError(f"{who}: revision is '{revision}', not a branch, tag or commit")
        model = path if is_folder(path) or "/" in path else f"sentence-transformers/{path}"
        found = cls(model, revision)
        found._check(who)
        return found

    @cached_property
    def folder(self) -> Path | None:
        """Where its files are, if they are here."""
        return Path(self.model) if is_folder(self.model) else snapshot(self.model, self.revision)

    @property
    def version(self) -> str:
        """The model with its revision on the hub, or with the content of its folder."""
        return known_as(self.model, self.revision)

    @cached_property
    def reads(self) -> frozenset[str] | None:
        """What it reads, of TEXT, IMAGE and TOGETHER; None if it is not here and cannot be asked."""
        if self.folder is None:
            return None
        found = set(_saved(self.folder) if self._modules else _plain(self.folder))
        if _MESSAGE in found and {TEXT, IMAGE} <= found:
            found.add(TOGETHER)
        return frozenset(found & {TEXT, IMAGE, TOGETHER})

    def unavailable(self) -> str | None:
        """Say how to get it, without importing anything heavy; None if it is here, or may be downloaded."""
        if self.folder or downloads_allowed():
            return None
        return absent(self.model)

    @property
    def _modules(self) -> list[Any]:
        return list(_json(self.folder / "modules.json", list) or ()) if self.folder else []

    def _check(self, who: str) -> None:
        """Refuse a folder that is no model, and a model that is none of embeddings."""
        if self.folder is None:
            return
        if not self._modules and not _json(self.folder / "config.json", dict):
            raise FeatureError(f"{who}: {self.model} is no model: it has neither modules.json nor config.json of one")
        kind = (_json(self.folder / "config_sentence_transformers.json", dict) or {}).get("model_type")
        if kind not in (None, "SentenceTransformer"):
            raise FeatureError(f"{who}: {self.model} is a {kind}, which does not make one vector of an item")


def _saved(folder: Path) -> Iterator[str]:
    """What the first module of a model says that was saved by sentence-transformers; text where it says nothing."""
    first = _json(folder / "modules.json", list)[0]
    first = first if isinstance(first, dict) else {}
    if str(first.get("type", "")).endswith(".CLIPModel"):
        yield from (TEXT, IMAGE)
        return
    place = folder / str(first.get("path", ""))
    # A router has its parts' in folders of their own.
    routed = str(first.get("type", "")).rpartition(".")[2] in ("Router", "Asym")
    files = sorted(place.rglob(_SETTINGS) if routed else place.glob(_SETTINGS))
    yield from {key for file in files for key in (_json(file, dict) or {}).get("modality_config") or (TEXT,)} or {TEXT}


def _plain(folder: Path) -> Iterator[str]:
    """What the processor of a checkpoint of transformers reads."""
    yield TEXT
    processor: dict[str, Any] = _json(folder / "processor_config.json", dict) or {}
    images = _json(folder / "preprocessor_config.json", dict) or {}
    if "image_processor" in processor or {"image_processor_type", "image_mean"} & images.keys():
        yield IMAGE
    if _has_template(folder, processor):
        yield _MESSAGE


def _has_template(folder: Path, processor: Mapping[str, Any]) -> bool:
    tokenizer: dict[str, Any] = _json(folder / "tokenizer_config.json", dict) or {}
    files = ("chat_template.jinja", "chat_template.json")
    return any((folder / file).is_file() for file in files) or "chat_template" in {*processor, *tokenizer}


def _json(path: Path, kind: type) -> Any:
    """A JSON file's content; None where there is none of the kind."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, kind) else None
