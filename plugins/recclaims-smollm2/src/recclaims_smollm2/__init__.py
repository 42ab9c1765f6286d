"""Encoders of SmolLM2-135M-Instruct: as it comes, reading texts, and with eyes of its own, seeing images."""

import recclaims
from recclaims_smollm2.reads import SmolLM2
from recclaims_smollm2.sees import SmolLM2Sees


@recclaims.hookimpl
def recclaims_encoders():
    """`smollm2` joins every claim that a textual encoder fits; `smollm2-sees` those that it is asked for."""
    return [SmolLM2, SmolLM2Sees]
