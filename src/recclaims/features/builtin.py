"""The encoders and noise controls that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.features.controls.noise import NOISE, NoiseControl
from recclaims.features.encoders.attributes import Attributes
from recclaims.features.encoders.efficientnet import EfficientNetLite0
from recclaims.features.encoders.file_features import FileFeatures
from recclaims.features.encoders.joint_reference import JointReference
from recclaims.features.encoders.mteb_model import MtebModel
from recclaims.features.encoders.rendered import Rendered
from recclaims.features.encoders.resnet import ResNet50
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.features.encoders.st import MultimodalEmbeddings
from recclaims.features.encoders.timm_backbone import TimmBackbone
from recclaims.features.fusion import (
    Concatenation,
    LateFusion,
    Mean,
    PrincipalComponents,
    SeparateModalities,
    Sum,
)
from recclaims.hookspecs import hookimpl


@hookimpl
def recclaims_encoders() -> list[type]:
    """See hookspecs."""
    return [
        EfficientNetLite0,
        ResNet50,
        SentenceEncoder,
        Attributes,
        LateFusion,
        Concatenation,
        PrincipalComponents,
        Mean,
        Sum,
        SeparateModalities,
        FileFeatures,
        MultimodalEmbeddings,
        TimmBackbone,
        MtebModel,
        JointReference,
        Rendered,
    ]


@hookimpl
def recclaims_controls() -> list[NoiseControl]:
    """See hookspecs."""
    return [*NOISE]
