"""Why a claim has no case here, and what would give it some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recclaims.features.encoders.rendered import NAME
from recclaims.planning.controls import MISALIGNED

if TYPE_CHECKING:
    from recclaims._model.claim import Claim


def why_no_case(claim: Claim, datasets: Sequence[str], encoders: Sequence[str], unsaid: Sequence[str] = ()) -> str:
    """One line for a claim without a case.

    Args:
        claim: the claim.
        datasets: references of the datasets that were tried.
        encoders: the encoders that were asked for; empty: all that are here.
        unsaid: names of the datasets' answers that do not say what was asked.
    """
    tried = f"no case on {', '.join(datasets)}"
    if encoders:
        tried += f" with {', '.join(encoders)}"
    if claim.encoders and unsaid and not (claim.reads or claim.generative):
        return (
            f"{tried}: nothing says what '{unsaid[0]}' was asked; call it {unsaid[0]}_keyword, {unsaid[0]}_description "
            f"or {unsaid[0]}_misaligned"
        )
    return f"{tried}: {_needs(claim)}"


def _needs(claim: Claim) -> str:
    named = ", ".join(dict.fromkeys(reads.reference for reads in claim.reads if reads.reference))
    if named:
        readers = (
            f"{' or '.join(claim.recommenders)}, in a flavour of the profile,"
            if claim.recommenders
            else "a recommender"
        )
        return f"it needs {readers} that can read {named}, and --claims-data with what they read"
    if claim.generative:
        return (
            "it needs a vision-language model, --claims-encoder 'lvlm:FOLDER?domain=movies' with the folder of a "
            "checkpoint or a plugin's generative encoder, and --claims-data with images and texts "
            "(docs/vision-language.md)"
        )
    if NAME in claim.encoders:
        return (
            f"it needs an encoder of images that reads them, {' '.join(what_gives_cases(claim))}, whose items have "
            "images and texts (docs/vision-language.md)"
        )
    if claim.encoders:
        return (
            f"it needs what {', '.join(claim.encoders)} reads, the answers of a vision-language model: "
            f"{' '.join(what_gives_cases(claim))} (docs/vision-language.md)"
        )
    if claim.modalities:
        return f"it needs {' or '.join(claim.modalities)} features: --claims-data whose items carry image and text"
    return "it needs a recommender and an encoder that fit the data and the options"


def what_gives_cases(claim: Claim) -> tuple[str, ...]:
    """The options that give a claim without a case some, with what is to be filled in in capitals; empty: unknown."""
    if any(reads.reference for reads in claim.reads):
        return ()
    if claim.generative:
        return "--claims-encoder", "lvlm:qwen2-vl-2b", "--claims-data", "FOLDER"
    if NAME in claim.encoders:
        return "--claims-encoder", f"{NAME}:st:MODEL", "--claims-data", "FOLDER"
    if claim.encoders:
        kinds = ["description", "misaligned"] if MISALIGNED in claim.controls else ["keyword"]
        return tuple(word for kind in kinds for word in ("--claims-answers", f"qwen2_{kind}=FILE"))
    return ("--claims-items", "FILE") if claim.modalities else ()
