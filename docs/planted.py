"""How often claims that run on request are found where they are true, and where they are not: a table of methods.md.

    PYTHONPATH=src python docs/planted.py [--seeds 20] [--claim NAME ...] [--recommender NAME] [--store DIR]

For each seed of `emoji` (users, tastes, popularity, marks), each claim is judged on data where it is true and on data
where it is not, by content kNN after ten splits unless another recommender is named (profile smoke, four). To
read image and text takes a second here: `words` counts the words of an item, `pixels` are its image in 8 x 8 pixels,
`letters` counts the shapes of drawn letters.
Printed: of how many seeds the claim was supported and contradicted, and the range of the effects.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recclaims._model.case import Case
from recclaims._model.verdict import Verdict
from recclaims.data.reference import open_source
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.features.encoders.rendered import EDGE, LINE, PANEL, SIDE
from recclaims.judging.run_cases import run_cases
from recclaims.own_objects import OwnObjects
from recclaims.planning.case import cases
from recclaims.plugin_manager import Registry, load
from recclaims.store import Store


class Words:
    """Counts of an item's words in 512 columns."""

    name, modality, version = "words", "textual", "1"

    def encode(self, items):
        """Return float32 (n, 512)."""
        matrix = np.zeros((len(items), 512), dtype=np.float32)
        for row, item in enumerate(items):
            for word in re.findall(r"\w+", item.text.lower()):
                matrix[row, zlib.crc32(word.encode()) % 512] += 10
        return matrix


class Pixels:
    """An item's image, 8 pixels wide and high, about the mean colour."""

    name, modality, version = "pixels", "visual", "1"

    def encode(self, items):
        """Return float32 (n, 192)."""
        shown = [np.asarray(item.image().convert("RGB").resize((8, 8)), dtype=np.float32).ravel() for item in items]
        return np.stack(shown) - 128


class Letters:
    """Counts of the shapes of ink, letters for the most part, in the text of a drawn item; it sees nothing else."""

    name, modality, version = "letters", "visual", "1"

    def encode(self, items):
        """Return float32 (n, 512)."""
        matrix = np.zeros((len(items), 512), dtype=np.float32)
        for row, item in enumerate(items):
            ink = np.asarray(item.image().convert("L"))[SIDE - PANEL + EDGE :] < 128
            for line in (ink[top : top + LINE] for top in range(0, len(ink) - LINE + 1, LINE)):
                inked = np.flatnonzero(line.any(axis=0))
                for columns in np.split(inked, np.flatnonzero(np.diff(inked) > 1) + 1):
                    matrix[row, zlib.crc32(np.packbits(line[:, columns]).tobytes()) % 512] += 10
        return matrix


class Planted(NamedTuple):
    """Data on which a claim is true or not, and the features that it is asked of.

    Attributes:
        claim: its id.
        true: whether it is true there.
        data: what --claims-data takes, but for the seed.
        encoders: the single one first, where there are two.
        why: in a phrase.
        anew: whether both arms have the rows of their features dealt to the items anew, which makes them alike.
        against: the control, where the claim has several.
        recommender: what reads the features, where the claim is about one.
    """

    claim: str
    true: bool
    data: str
    encoders: tuple[str, ...]
    why: str
    anew: bool = False
    against: str = ""
    recommender: str = ""


#: Both blocks with the same weight; and as they are, so that the pixels drown the words.
EVEN, RAW = "late_fusion:pixels+words", "late_fusion-concat:pixels+words"
READ = "rendered:letters"
SMALL = "emoji?users=200&items=400"
TEXT, IMAGE = f"{SMALL}&dose=1&channel=textual", f"{SMALL}&dose=1&channel=visual"
COLD, UNSEEN = f"{SMALL}&dose=1", f"{SMALL}&split=cold"
LOST = "emoji?items=400&channel=visual&missing=0.4"
NOISE = "permuted"
PLANTED = (
    Planted("modality", True, TEXT, ("words", RAW), "the text tells the group, raw pixels drown it"),
    Planted("modality", False, IMAGE, ("words", EVEN), "the image alone tells the group"),
    Planted("image", True, IMAGE, ("words", EVEN), "the image alone tells the group"),
    Planted("image", False, TEXT, ("words", RAW), "the text tells the group, raw pixels drown it"),
    Planted("image", False, f"{SMALL}&dose=0", ("words", EVEN), "nothing tells anything, rows dealt anew", anew=True),
    Planted(
        "cold", True, f"{COLD}&head=0", ("attributes",), "content tells tastes in the less popular half", against=NOISE
    ),
    Planted(
        "cold", False, f"{COLD}&tail=0", ("attributes",), "content tells tastes in the more popular half", against=NOISE
    ),
    Planted("noise", True, f"{UNSEEN}&dose=1", ("attributes",), "content tells tastes in items that are held out"),
    Planted("noise", False, f"{UNSEEN}&dose=0", ("attributes",), "nothing tells anything of them"),
    Planted(
        "ensemble", True, TEXT, ("words",), "BM3 makes little of any content", against="bm3", recommender="ensemble"
    ),
    Planted(
        "ensemble",
        False,
        f"{SMALL}&dose=0",
        ("words",),
        "tastes are in shared users alone, over which FREEDOM propagates",
        against="freedom",
        recommender="ensemble",
    ),
    Planted("popularity", True, f"{TEXT}&groups_by=popularity", ("words", RAW), "the text tells how popular"),
    Planted("popularity", False, f"{IMAGE}&groups_by=popularity", ("words", EVEN), "the image does, not the text"),
    Planted("rendered", True, TEXT, (READ, RAW), "letters tell the group, raw pixels drown words", against=RAW),
    Planted("rendered", False, IMAGE, (READ, EVEN), "the image tells the group, letters are read", against=EVEN),
    Planted("missing", True, f"{LOST}&dose=1", ("pixels",), "the image tells the group", against="mean"),
    Planted("missing", True, f"{LOST}&dose=0", ("pixels",), "the image tells nothing, likers do", against="mean"),
    Planted("missing", False, f"{LOST}&dose=1", ("pixels",), "rows dealt anew", anew=True, against="mean"),
)
#: Replicates of a claim whose comparison is of two effects.
MORE = {"cold": 16}


def cases_of(planted: Planted, seed: int, recommender: str, known: Registry) -> list[Case]:
    """The cases of a claim on its data with a seed: one, but for twins."""
    reference, claim = f"{planted.data}&seed={seed}", known.claims[planted.claim]
    source, single = open_source(reference, known), planted.encoders[0]
    only = cases(claim, reference, source, known, planted.encoders, lambda one: one.name == recommender, (NOISE,))
    found = [case for case in only if single in (case.treatment.partition("/")[0], case.control)]
    found = [case for case in found if planted.against in ("", case.control)]
    if planted.anew:
        found = [replace(case, arms=tuple(replace(arm, noise=NOISE) for arm in case.arms)) for case in found]
    return found


def main() -> None:
    """Print the table as Markdown, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="how often the data are planted")
    parser.add_argument("--claim", action="append", help="only this one; may be given several times")
    parser.add_argument(
        "--recommender", default="content-knn", help="what reads the features, but for claims about one recommender"
    )
    parser.add_argument("--store", type=Path, help="where features and cells are kept (default: nowhere)")
    asked = parser.parse_args()
    known = OwnObjects.of(encoders=[Words, Pixels, Letters]).beside(load())
    print("| claim | data | it is | supported | contradicted | effects, % |\n" + "|---" * 6 + "|")
    with tempfile.TemporaryDirectory() as temporary:
        store = Store(asked.store or Path(temporary))
        for planted in PLANTED:
            if not asked.claim or planted.claim in asked.claim:
                print(f"| {' | '.join(row(planted, asked.seeds, asked.recommender, known, store))} |", flush=True)


def row(planted: Planted, seeds: int, recommender: str, known: Registry, store: Store) -> list[str]:
    """What became of a claim on its data over seeds."""
    recommender = planted.recommender or recommender
    free = known.recommenders[recommender].training_free
    profile = Profile.named("quick" if free else "smoke")
    settings = Settings(profile, replicates=MORE.get(planted.claim, 6) if free else 4, workers=0)
    verdicts: list[Verdict] = []
    effects: list[float] = []
    for seed in range(seeds):
        run = run_cases(cases_of(planted, seed, recommender, known), Pipeline(settings, known, store))
        for result in run.judged.values():
            verdicts.append(result.verdict)
            effects.append(result.estimate.log_ratio if result.estimate else np.nan)
    counts = [f"{verdicts.count(one)} of {len(verdicts)}" for one in (Verdict.SUPPORTED, Verdict.CONTRADICTED)]
    least, most = 100 * np.expm1([np.nanmin(effects), np.nanmax(effects)])
    is_true = "true" if planted.true else "not true"
    data = f"`{planted.data}`: {planted.why}"
    return [f"`{planted.claim}`", data, is_true, *counts, f"{least:+.0f} to {most:+.0f}"]


if __name__ == "__main__":
    main()
