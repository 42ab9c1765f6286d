"""Measure how often claim `fusion` sees a planted joint effect, and one where there is none: tables of docs/methods.md.

python docs/joint.py [--seeds 20] [--deals 4] [--store DIR]

Needs the `demo` extra for the weights. Users, their tastes and the items' popularity are drawn for every seed; the
marks are dealt by seed modulo --deals, as images take most of the time. For every seed of `emoji?channel=joint`: the
controls of claim `fusion`, with one look after as many replicates as LOOKS says, and dose 0 once more with the features
as they were dealt.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recclaims._model.case import Case, Expectation
from recclaims.data.emoji import Emoji
from recclaims.data.reference import open_source
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Profile, Settings
from recclaims.judging.case_result import CaseResult
from recclaims.judging.run_cases import run_cases
from recclaims.planning.builtin import CONTROLS
from recclaims.planning.planted import JOINT, Opened, joint_cases
from recclaims.plugin_manager import Registry, load
from recclaims.store import Store

FOUND, ANEW, AS_DEALT = "dose 1", "dose 0, dealt anew", "dose 0, as dealt"
LOOKS = {FOUND: 4, ANEW: 10, AS_DEALT: 4}


class FewDeals(Emoji):
    """Emoji with one of `deals` deals of the marks."""

    deals = 4

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See Emoji."""
        return Emoji(items=self.settings["items"], channel="joint", seed=self.settings["seed"] % self.deals).pairs()


def kinds(seed: int, known: Registry) -> dict[str, list[Case]]:
    """The cases of a seed, by what they ask."""
    references = {reference: f"{reference}&seed={seed}" for reference in JOINT}
    opened = {name: Opened(seeded, open_source(seeded, known)) for name, seeded in references.items()}
    found = list(joint_cases(CONTROLS, opened, known))
    silent = [case for case in found if case.expects is Expectation.NEGATIVE_CONTROL]
    as_dealt = [replace(case, arms=tuple(replace(arm, noise=None) for arm in case.arms)) for case in silent]
    return {FOUND: [case for case in found if case not in silent], ANEW: silent, AS_DEALT: as_dealt}


def effect_found(result: CaseResult) -> bool:
    """Whether it says that one arm is better, whichever."""
    wanted = "contradicted" if result.case.expects is Expectation.NEGATIVE_CONTROL else "supported"
    return str(result.verdict) == wanted


def main() -> None:
    """Print a table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="how often users are drawn")
    parser.add_argument("--store", type=Path, help="where features and cells are kept (default: nowhere)")
    parser.add_argument("--deals", type=int, default=FewDeals.deals, help="how often marks are dealt")
    options = parser.parse_args()
    FewDeals.deals = options.deals
    known = load()
    known.datasets["emoji"] = FewDeals
    found: dict[str, Counter[str]] = defaultdict(Counter)
    effects: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        store = Store(options.store or Path(temporary))
        for seed in range(options.seeds):
            for kind, cases in kinds(seed, known).items():
                settings = Settings(Profile.named("quick"), replicates=LOOKS[kind], workers=0)
                for case, result in run_cases(cases, Pipeline(settings, known, store)).judged.items():
                    fusion = case.arms[1].features or ""
                    found[fusion][kind] += effect_found(result)
                    effects[fusion, kind].append(result.estimate.log_ratio if result.estimate else np.nan)
    print("| against | " + " | ".join(f"{kind}: found in" for kind in LOOKS) + " |")
    print("|---" * (1 + len(LOOKS)) + "|")
    for fusion, counts in found.items():
        shown = []
        for kind in LOOKS:
            least, most = 100 * np.expm1([min(effects[fusion, kind]), max(effects[fusion, kind])])
            shown.append(f"{counts[kind]} of {options.seeds} ({least:+.0f} to {most:+.0f} %)")
        print(f"| `{fusion}` | " + " | ".join(shown) + " |")


if __name__ == "__main__":
    main()
