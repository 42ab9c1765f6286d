"""The encoders and noise controls that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.encoders.attributes import Attributes
from recclaims.encoders.efficientnet import EfficientNetLite0
from recclaims.encoders.file_features import FileFeatures
from recclaims.encoders.fusion import (
    Concatenation,
    LateFusion,
    Mean,
    PrincipalComponents,
    SeparateModalities,
    Sum,
)
from recclaims.encoders.language.answers import Answers, Keywords
from recclaims.encoders.language.vision_language import VisionLanguage
from recclaims.encoders.noise import NOISE, NoiseControl
from recclaims.encoders.resnet import ResNet50
from recclaims.encoders.sentence import SentenceEncoder
from recclaims.hookspecs import hookimpl


@hookimpl
def recclaims_encoders() -> list[type]:
    """See hookspecs."""
    return [
        EfficientNetLite0,
        ResNet50,
        SentenceEncoder,
        Attributes,
        Keywords,
        Answers,
        VisionLanguage,
        LateFusion,
        Concatenation,
        PrincipalComponents,
        Mean,
        Sum,
        SeparateModalities,
        FileFeatures,
    ]


@hookimpl
def recclaims_controls() -> list[NoiseControl]:
    """See hookspecs."""
    return [*NOISE]
