"""What SmolLM2 is taught to see: the shipped icons before several backdrops, and what is to be said of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recclaims import Item, load_dataset

DOMAIN = Path(__file__).with_name("emoji.toml")
PROMPTS: dict[str, str] = tomllib.loads(DOMAIN.read_text(encoding="utf-8"))["prompts"]
#: Icons that are never shown while it learns.
HELD_OUT = 128
#: How often backdrops are dealt to the icons; once more, there is none.
DEALINGS = 8
PLAIN = "plain"
#: Shares of the lessons; the rest is `description`.
KEYWORD, KEYWORD_AND_TEXT = 0.5, 0.3
#: Of the texts that are read, how many say a maker, as those of some planted data do.
WITH_MAKER = 0.3
#: Lessons are drawn, and sorted by length into batches, so many batches at a time.
POOL = 8


@dataclass(frozen=True)
class Picture:
    """An icon before a backdrop.

    Attributes:
        item: the icon, as the catalogue has it.
        icon: its place in the catalogue.
        kind, backdrop, name: what there is to say.
    """

    item: Item
    icon: int
    kind: str
    backdrop: str
    name: str

    @property
    def keywords(self) -> str:
        """The answer to the prompts `keyword` and `keyword_and_text`."""
        return f"[Kind] {{{self.kind}}}, [Backdrop] {{{self.backdrop}}}, [Name] {{{self.name}}}"

    @property
    def description(self) -> str:
        """The answer to the prompt `description`."""
        return f"{self.name.capitalize()}, of the kind {self.kind}, before {self.backdrop}."


@dataclass(frozen=True)
class Lesson:
    """A prompt about a picture (its place among the pictures), and what is to be answered."""

    picture: int
    prompt: str
    answer: str


def pictures(dealings: int = DEALINGS) -> list[Picture]:
    """Every icon before a backdrop of each dealing, and once before none."""
    dealt = [load_dataset("emoji"), *(load_dataset(f"emoji?channel=visual&seed={seed}") for seed in range(dealings))]
    return [_picture(item, icon) for dataset in dealt for icon, item in enumerate(dataset.items)]


def _picture(item: Item, icon: int) -> Picture:
    backdrop = item.backdrop.stem if item.backdrop else PLAIN
    kind = item.attributes["subcategory"][0].replace("-", " ").replace("&", "and")
    return Picture(item, icon, kind, backdrop, item.title.lower())


def held_out(n_icons: int) -> np.ndarray:
    """Places of the icons that are kept from the lessons, in order."""
    return np.sort(np.random.default_rng(2508).permutation(n_icons)[:HELD_OUT])


def to_learn(shown: list[Picture]) -> list[int]:
    """Places of the pictures whose icons are not held out."""
    held = set(held_out(max(one.icon for one in shown) + 1).tolist())
    return [place for place, one in enumerate(shown) if one.icon not in held]


def makers() -> list[str]:
    """Sentences that say who made a thing, as in some planted data."""
    bare, said = (load_dataset(f"emoji?channel={channel}").items for channel in ("both", "textual"))
    made = (long.description.removeprefix(short.description).strip() for short, long in zip(bare, said, strict=True))
    return sorted(set(made))


def batches(shown: list[Picture], size: int, seed: int, start: int = 0) -> Iterator[list[Lesson]]:
    """Batches of lessons without end, from the start-th on: the same ones, wherever somebody begins."""
    pool, skip = divmod(start, POOL)
    said = makers()
    while True:
        rng = np.random.default_rng((seed, pool))
        lessons = [_lesson(shown, said, rng) for _ in range(size * POOL)]
        # What is padded is computed for nothing.
        lessons.sort(key=lambda one: (len(one.prompt) + len(one.answer), one.picture))
        parts = [lessons[i : i + size] for i in range(0, len(lessons), size)]
        yield from [parts[i] for i in rng.permutation(POOL)][skip:]
        pool, skip = pool + 1, 0


def _lesson(shown: list[Picture], said: list[str], rng: np.random.Generator) -> Lesson:
    place, drawn = int(rng.integers(len(shown))), rng.random()
    picture = shown[place]
    if drawn < KEYWORD:
        return Lesson(place, PROMPTS["keyword"].strip(), picture.keywords)
    if drawn >= KEYWORD + KEYWORD_AND_TEXT:
        return Lesson(place, PROMPTS["description"].strip(), picture.description)
    item = picture.item
    if rng.random() < WITH_MAKER:
        maker = said[int(rng.integers(len(said)))]
        item = replace(item, description=f"{item.description} {maker}".strip())
    return Lesson(place, PROMPTS["keyword_and_text"].strip().replace("{text}", item.text), picture.keywords)
