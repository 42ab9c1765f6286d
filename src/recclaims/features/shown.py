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
from recclaims.features.spec import spec_of
from recclaims.paths import expanded


def shown_name(encoder: Any) -> str:
    """The name of an encoder with `clip.npy:DIGEST` in place of `some/folder/clip.npy`, in its parts, too.

    An encoder that was given by a path declares it: `place` and `beside` of its spec.

    Raises:
        FeatureError: the file cannot be read.
    """
    base, colon, argument = encoder.name.partition(":")
    if not colon:
        return str(base)
    spec = spec_of(encoder)
    # The longest first: one may begin another.
    for part in sorted(spec.parts, key=lambda part: -len(part.name)):
        argument = argument.replace(part.name, shown_name(part))
    path = Path(expanded(spec.place))
    if not spec.place or not path.exists():
        return f"{base}:{argument}"
    files = [path, *spec.beside]
    try:
        digests = [digest_of(file) for file in files]
    except OSError as error:
        raise FeatureError(f"{spec.place}: cannot be read: {error.strerror or error}") from None
    content = digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
    return f"{base}:{argument.replace(spec.place, f'{path.resolve().name}:{content[:8]}', 1)}"
