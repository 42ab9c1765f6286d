"""Documents of results.json, made by hand: what the reports are tested on."""

from recclaims._model.case_result import ClaimResult
from recclaims._model.results import ResultsDocument


def case(**changes):
    """A case, supported by an effect of +10 % [+5, +15]."""
    return {
        "claim": "noise", "version": 1, "case": "vbpr-sbert-permuted-toy", "dataset": "toy", "recommender": "vbpr",
        "treatment": "sbert", "control": "permuted", "metric": "recall@20", "margin": 0.02, "treatment_mean": 0.33,
        "control_mean": 0.30, "effect": 0.03, "relative_effect": 0.1, "ci": [0.015, 0.045], "p_value": 0.01,
        "p_adjusted": 0.02, "verdict": "supported", "reason": "Holm p = 0.02", "n_users": 9, "n_seeds": 3,
        "seconds": 1.0,
        **changes,
    }  # fmt: skip


def not_run(**changes):
    """A case that could not be run, as results.json holds it."""
    empty = ("treatment_mean", "control_mean", "effect", "relative_effect", "p_value", "p_adjusted")
    nothing = dict.fromkeys(empty) | {"ci": [None, None], "n_users": 0}
    return case(verdict="not_run", reason="the weights are not here", **nothing, **changes)


def card(**changes):
    """A dataset's card."""
    return {
        "dataset": "toy", "users": 9, "items": 5, "interactions": 30, "density": 0.66, "items_with_image": 0,
        "items_with_text": 5, "items_with_both": 0, "items_with_attributes": 0, "split": "random",
        "relevance": None, "planted": False, "duplicates_dropped": 0,
        **changes,
    }  # fmt: skip


def encoder(**changes):
    """What is known of an encoder's features."""
    return {
        "encoder": "sbert", "dataset": "toy", "items": 5, "dimension": 384, "items_per_second": 100.0, "imputed": 0,
        "zero_rows": 0, "duplicate_rows": 0, "seconds": 0.05,
        **changes,
    }  # fmt: skip


def cell(**changes):
    """One training."""
    return {
        "dataset": "toy", "features": "sbert", "recommender": "vbpr", "seed": 0,
        "metrics": {"recall@20": 0.33, "ndcg@20": 0.2}, "epochs": 10, "best_epoch": 5, "valid_score": 0.3,
        "seconds": 1.5, "peak_mb": 900.0, "key": "0" * 64,
        **changes,
    }  # fmt: skip


def raw(*cases, **changes):
    """A whole document as JSON holds it."""
    return {
        "schema": 1, "created": "2026-01-02T03:04:05+00:00", "profile": "quick", "seeds": 3, "mask": "train+valid",
        "claims": list(cases), "cells": [], "encoders": [],
        "environment": {"cpu": "x", "device": "cpu", "versions": {"torch": "2"}}, "datasets": [card()],
        **changes,
    }  # fmt: skip


def document(*cases, **changes):
    """A whole document, typed."""
    return ResultsDocument.of(raw(*cases, **changes))


def judged(**changes):
    """A case, typed."""
    return ClaimResult.of(case(**changes))


def keyword(**changes):
    """What is known of the answers behind one slot of keywords."""
    return {
        "encoder": "keywords:m", "dataset": "toy", "slot": "Genre", "answers": 12, "compliance": 0.5, "refusals": 3,
        "missing": 2, "distinct": 5, "entropy": 3.4, "other": 0.25, "examples": ["comedy", "drama"],
        **changes,
    }  # fmt: skip


def large(n_recommenders=6, n_encoders=12):
    """A document of about the size of a full quick run: 8 controls and a twin, on two datasets."""
    cases, encoders = [], []
    controls = [*(f"control-{n}" for n in range(8)), "twin"]
    for dataset in ("toy", "planted-toy"):
        for e in range(n_encoders):
            encoders.append(encoder(encoder=f"encoder-{e}", dataset=dataset, items_per_second=10.0 ** (e % 4)))
            for r in range(n_recommenders):
                for c, control in enumerate(controls):
                    effect = 0.004 * ((e * 7 + r * 5 + c * 3) % 19 - 6)
                    verdict = "supported" if effect > 0.01 else "contradicted" if effect < -0.01 else "inconclusive"
                    cases.append(
                        case(
                            claim="content" if control == "twin" else "noise",
                            case=f"recommender-{r}-encoder-{e}-{control}-{dataset}",
                            dataset=dataset,
                            recommender=f"recommender-{r}",
                            treatment=f"encoder-{e}",
                            control=control,
                            effect=effect,
                            ci=[effect - 0.008, effect + 0.01],
                            verdict=verdict,
                            reason="about 8,500 users would settle it, more than replicates of these users can give",
                        )
                    )
    datasets = [card(), card(dataset="planted-toy", planted=True)]
    return document(*cases, datasets=datasets, encoders=encoders)
