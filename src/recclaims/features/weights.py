"""Weights that a release names by their digest, as torch.hub does: `resnet50-11ad3fa6.pth`."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

from recclaims.errors import NotAvailableError
from recclaims.regular_file import open_regular

_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.")


def verified(path: Path, encoder: str) -> io.BytesIO:
    """The content of a file of weights whose name says how its SHA-256 begins.

    Args:
        path: the file.
        encoder: whose weights they are, for messages.

    Raises:
        NotAvailableError: it cannot be read, or is another file than its name says.
    """
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise NotAvailableError(f"{encoder}: {path} cannot be read: {error.strerror or error}") from None
    found, said = hashlib.sha256(content).hexdigest(), _DIGEST.search(path.name)
    if said is None or not found.startswith(said[1]):
        raise NotAvailableError(
            f"{encoder}: {path} holds the wrong weights: its SHA-256 begins with {found[:8]}; put the right file there"
        )
    return io.BytesIO(content)
