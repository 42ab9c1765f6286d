"""Prompts by domain: one TOML file each, shipped for five domains; a path names a file of your own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recclaims import RecclaimsError, UnknownNameError
from recclaims.paths import expanded
from recclaims.toml_file import read_toml

FOLDER = Path(__file__).resolve().parent / "domains"
ENDING = ".toml"
#: Stands in a prompt for the item's title and description.
TEXT = "{text}"


@dataclass(frozen=True)
class Domain:
    """What is asked about the images of one kind of item.

    Attributes:
        name: the domain, as in `movies`.
        version: raised whenever a prompt asks something else.
        slots: what the keyword prompt leaves to be filled, in its order.
        prompts: texts by name: `keyword` (one worked example), `description` (at most 30 words),
            `misaligned` (about a rocket), and whatever else the file holds. TEXT in them is the item's own.
    """

    name: str
    version: int
    slots: tuple[str, ...]
    prompts: Mapping[str, str]

    def prompt(self, name: str) -> str:
        """The text of a prompt; raises UnknownNameError with the nearest name."""
        if name not in self.prompts:
            raise UnknownNameError.of("prompt", name, self.prompts, f"domain '{self.name}'")
        return self.prompts[name]


def domain_names() -> list[str]:
    """The domains that ship."""
    return sorted(path.stem for path in FOLDER.glob(f"*{ENDING}"))


def find_domain(reference: str) -> Domain:
    """Read a domain's prompts.

    Args:
        reference: the name of a domain that ships, or the path of a TOML file like theirs.

    Raises:
        UnknownNameError: no domain or key goes by that name.
        RecclaimsError: the file is not well-formed; names it and the key.
    """
    if reference in domain_names():
        return _read(FOLDER / f"{reference}{ENDING}")
    if not reference.endswith(ENDING):
        raise UnknownNameError.of("domain", reference, [*domain_names(), "a path that ends in .toml"])
    return _read(Path(expanded(reference)))


def digest(prompt: str) -> str:
    """SHA-256, shortened, of what all shipped domains ask under this name: it is part of an encoder's version."""
    asked = (f"{name}\0{find_domain(name).prompts.get(prompt, '')}\0" for name in domain_names())
    return hashlib.sha256("".join(asked).encode()).hexdigest()[:12]


@cache
def _read(path: Path) -> Domain:
    return _checked(read_toml(path), path)


def _checked(document: Mapping[str, Any], path: Path) -> Domain:
    keys: dict[str, type] = {"domain": str, "version": int, "slots": list, "prompts": dict}
    for key in document:
        if key not in keys:
            raise UnknownNameError.of("key", key, keys, str(path))
    for key, kind in keys.items():
        if not isinstance(document.get(key), kind) or not document[key]:
            raise RecclaimsError(f"{path}: key '{key}' is missing, empty or of the wrong type")
    slots, prompts = document["slots"], document["prompts"]
    if not all(isinstance(slot, str) and slot.strip() for slot in slots) or len(set(map(str.lower, slots))) < len(
        slots
    ):
        raise RecclaimsError(f"{path}: key 'slots' is {slots!r}, not a list of different names")
    for name, text in prompts.items():
        if not isinstance(text, str) or not text.strip():
            raise RecclaimsError(f"{path}: key 'prompts.{name}' is not a string")
    forgotten = [slot for slot in slots if f"[{slot}]" not in prompts.get("keyword", "")]
    if "keyword" in prompts and forgotten:
        raise RecclaimsError(f"{path}: key 'prompts.keyword' does not ask for [{forgotten[0]}]")
    texts = {name: text.strip() for name, text in prompts.items()}
    return Domain(document["domain"], document["version"], tuple(slots), texts)
