"""Vision-language models and their answers as encoders, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims import hookimpl
from recclaims.lvlm.answers import Answers, Keywords
from recclaims.lvlm.vision_language import VisionLanguage


@hookimpl
def recclaims_encoders() -> list[type]:
    """See hookspecs."""
    return [Keywords, Answers, VisionLanguage]
