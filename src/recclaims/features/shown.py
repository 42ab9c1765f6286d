"""What people call an encoder: a file or folder that was given by its path goes by its own name and its content.

Folders stay out of reports, and say nothing of what is in the file: `real/clip.npy` and `noise/clip.npy` are two
encoders, and one that was moved is the same. So the name follows from the content alone, whatever else is run.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from recclaims.errors import FeatureError
from recclaims.features.digests import digest_of


def shown_name(encoder: Any) -> str:
    """The name of an encoder with `clip.npy:DIGEST` in place of `some/folder/clip.npy`, in its parts, too.

    An encoder that was given by a path says so by its attribute `place`, the path as it stands in the encoder's name,
    and by `beside`, further files that belong to it.

    Raises:
        FeatureError: the file cannot be read.
    """
    base, colon, argument = encoder.name.partition(":")
    if not colon:
        return str(base)
    # The longest first: one may begin another.
    for part in sorted(getattr(encoder, "parts", ()), key=lambda part: -len(part.name)):
        argument = argument.replace(part.name, shown_name(part))
    place: str = getattr(encoder, "place", "")
    if not place or not Path(place).exists():
        return f"{base}:{argument}"
    files = [Path(place), *getattr(encoder, "beside", ())]
    try:
        digests = [digest_of(file) for file in files]
    except OSError as error:
        raise FeatureError(f"{place}: cannot be read: {error.strerror or error}") from None
    content = digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
    return f"{base}:{argument.replace(place, f'{Path(place).resolve().name}:{content[:8]}', 1)}"
