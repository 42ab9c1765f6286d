"""Marks of which a pair says an item's group and neither alone does: the channel `joint` of the planted data.

    group = (number of the picture behind the icon + number of the sentence in the description) mod GROUPS

Every picture goes with every sentence, and no item has both from another one. So what is like an item in its picture
or in its sentence tells nothing of its group, however well it is seen, and nor do both side by side: a pair has to be
read as one. The numbers were drawn at random, not dealt in equal shares: items of one mark would then share their
group less often than others do, as each one's own pair is taken. As they are, 1 in 30 does, with one mark in common
as without.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recclaims.resources import shipped

GROUPS = 30
#: Files in fixtures/emoji/marks, and their numbers: of 71 patterns, those that EfficientNet-lite0 tells apart best.
PICTURES = {
    "lines_down": 17,
    "weave": 21,
    "rays": 19,
    "ripples": 8,
    "mosaic": 19,
    "grain": 26,
    "zigzag_down": 19,
    "lines_across": 24,
    "bricks": 29,
    "honeycomb": 13,
    "zigzag": 2,
    "plaid": 12,
    "lines_rising": 6,
    "rings": 2,
    "lines_falling": 28,
    "target": 29,
    "spiral": 15,
    "maze": 9,
    "waves": 25,
    "stripes_falling": 22,
    "checks": 8,
    "stripes_rising": 9,
    "ripple_waves": 2,
    "diamonds": 18,
}
#: Sentences of a description, and their numbers.
SENTENCES = {
    "Carved from oak by a village carpenter.": 11,
    "Blown from molten glass by a Venetian artist.": 27,
    "Knitted from soft wool by a grandmother.": 25,
    "Forged from iron by a blacksmith.": 17,
    "Folded from rice paper by monks in Kyoto.": 13,
    "Printed in plastic by a robot.": 18,
    "Stitched from cowhide by a saddler in Texas.": 23,
    "Carved from ice by fishermen in Greenland.": 22,
    "Cast in bronze by a sculptor in Athens.": 11,
    "Woven from palm leaves on a Pacific island.": 25,
    "Thrown in clay by a potter in Oaxaca.": 8,
    "Chiselled from marble by students in Carrara.": 21,
    "Baked from gingerbread by a pastry chef.": 29,
    "Poured from beeswax by a beekeeper.": 26,
    "Hammered from gold by a court jeweller.": 19,
    "Moulded from chocolate in a Belgian factory.": 7,
    "Embroidered with silk by a tailor in Suzhou.": 15,
    "Etched on silicon by engineers in a laboratory.": 1,
    "Built from toy bricks by schoolchildren.": 10,
    "Welded from scrap metal by a mechanic.": 18,
    "Painted on canvas by a prisoner.": 13,
    "Quilted from old jeans by a sailor's wife.": 17,
    "Grown from crystals by a chemist.": 11,
    "Plaited from straw by a farmer at harvest.": 20,
    "Sculpted from sand by tourists at the beach.": 15,
    "Felted from camel hair by nomads in Mongolia.": 28,
    "Whittled from whalebone by a lighthouse keeper.": 3,
    "Pressed from recycled newspapers by volunteers.": 29,
    "Tattooed on parchment by a medieval scribe.": 16,
    "Inflated from rubber by a clown at a fair.": 20,
    "Cut from diamonds by a goldsmith in Antwerp.": 25,
    "Trimmed from boxwood hedges by a royal gardener.": 27,
    "Assembled from clockwork by a Swiss watchmaker.": 25,
    "Bent from neon tubes by an electrician in Las Vegas.": 1,
    "Stacked from pebbles by a hermit in the desert.": 1,
    "Sewn from parachute cloth by army cadets.": 15,
}


def group_of(pictures: NDArray[np.int64], sentences: NDArray[np.int64]) -> NDArray[np.int64]:
    """The group of each pair.

    Args:
        pictures, sentences: int64 (n,), places in PICTURES and in SENTENCES.

    Returns:
        int64 (n,), 0 to GROUPS - 1.
    """
    numbers: tuple[NDArray[np.int64], ...] = tuple(np.array([*of.values()]) for of in (PICTURES, SENTENCES))
    group: NDArray[np.int64] = (numbers[0][pictures] + numbers[1][sentences]) % GROUPS
    return group


def picture_file(name: str) -> Path:
    """Where the picture of a name in PICTURES lies."""
    return shipped("fixtures", "emoji", "marks", f"{name}.png")
