"""The planted dataset that ships with recclaims: emoji as products, liked by simulated users for a known reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.items_file import read_items
from recclaims.data.marks import PICTURES, SENTENCES, group_of, picture_file
from recclaims.data.parameters import Parameter
from recclaims.data.planting import LEAST, VERSION, deal, deal_pairs, lost, popularity_ranks, simulate
from recclaims.data.source_spec import SourceSpec
from recclaims.errors import DatasetError
from recclaims.resources import shipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item

N_ITEMS = 857
#: Parameters that fingerprints of data without them do not have.
_LATER = frozenset({"head", "tail", "groups_by", "missing"})
#: Behind the icon, where the channel is visual: files in fixtures/emoji/backdrops. Patterns, since what ImageNet
#: taught a network hardly tells plain colours apart (docs/methods.md).
BACKDROPS = ("across", "bricks", "checks", "diagonals", "dots", "down", "grain", "rings")
#: Written into the description, where the channel is textual.
MAKERS = (
    "Carved from oak by a village carpenter.",
    "Blown from molten glass by a Venetian artist.",
    "Knitted from soft wool by a grandmother.",
    "Forged from iron by a blacksmith.",
    "Folded from rice paper by monks in Kyoto.",
    "Printed in plastic by a robot.",
    "Stitched from cowhide by a saddler in Texas.",
    "Carved from ice by fishermen in Greenland.",
)


class Emoji:
    """857 emoji with image, name and category, and simulated users (see planting) who like groups of them.

    The channel says what an item's group is, and so who can see it:

    visual: the patterned backdrop behind the icon. Dealt at random, so that no name, description or category can
        tell it.
    textual: who made the thing, a sentence in the description. Dealt at random, so that no image can tell it.
    both: what the thing is, its subcategory: the icon shows it and the name says it, as does the category.
    joint: a picture behind the icon and a sentence in the description, together and neither alone (see marks). Only
        an encoder that reads the pair as one can tell it, whoever sees its halves.

    Icons lie on white, and descriptions say nothing of a maker, unless the channel needs them.

    Args:
        users, items: how many; fewer items are spread evenly over the catalogue, so over its categories.
        dose: share of the variance of taste that the group makes up; at 0 content says nothing of taste.
        channel: see above.
        seed: decides groups and interactions.
        crowd: which sample of users; its items, their groups and popularity are the seed's alone.
        head, tail: share of the dose that the more and the less popular half of the items have.
        groups_by: "chance", or "popularity": the marks of the channels `visual` and `textual` then say how popular an
            item is, as each group is of items of like popularity.
        missing: share of the items, drawn at random, that have neither image nor text; their categories stay.

    Raises:
        DatasetError: another channel's groups cannot go by popularity.
    """

    name = "emoji"
    modalities = frozenset({"visual", "textual", "attributes"})
    spec = SourceSpec(
        parameters={
            "users": Parameter(943, "simulated users", least=1, most=1_000_000),
            "items": Parameter(N_ITEMS, "items of the catalogue", least=4 * LEAST, most=N_ITEMS),
            "dose": Parameter(0.5, "share of taste that content carries", least=0, most=1),
            "channel": Parameter("both", "where content shows", choices=("visual", "textual", "both", "joint")),
            "seed": Parameter(0, "decides groups and interactions", least=0, most=2**32 - 1),
            "crowd": Parameter(0, "other users of the same items", least=0, most=2**32 - 1),
            "head": Parameter(1.0, "share of the dose that the more popular half has", least=0, most=1),
            "tail": Parameter(1.0, "share of the dose that the less popular half has", least=0, most=1),
            "groups_by": Parameter("chance", "what deals the marks", choices=("chance", "popularity")),
            "missing": Parameter(0.0, "share of items without image and text", least=0, most=0.5),
        }
    )

    def __init__(
        self,
        users: int = 943,
        items: int = N_ITEMS,
        dose: float = 0.5,
        channel: str = "both",
        seed: int = 0,
        crowd: int = 0,
        head: float = 1.0,
        tail: float = 1.0,
        groups_by: str = "chance",
        missing: float = 0.0,
    ) -> None:
        if groups_by == "popularity" and channel not in ("visual", "textual"):
            raise DatasetError(
                f"emoji: groups_by=popularity deals marks, which channel={channel} has none of to deal; "
                "write channel=visual or channel=textual"
            )
        self.settings: dict[str, Any] = {
            "dose": dose,
            "channel": channel,
            "users": users,
            "items": items,
            "seed": seed,
            "crowd": crowd,
            "head": head,
            "tail": tail,
            "groups_by": groups_by,
            "missing": missing,
        }
        # No brackets, commas or equals signs: pytest's -k could not select by them.
        named = ("users", "items", "seed", "crowd", "head", "tail", "groups_by", "missing")
        changed = (f"-{key}{_short(self.settings[key])}" for key in named if self._is_changed(key))
        self.name = f"emoji-planted-dose{_short(dose)}-{channel}{''.join(changed)}"

    def _is_changed(self, key: str) -> bool:
        return bool(self.settings[key] != self.spec.parameters[key].default)

    def load(self) -> Dataset:
        """Read the catalogue, plant the groups, simulate; see DatasetSource."""
        settings, groups = self.settings, self.groups()
        users, taken = simulate(groups, self._doses(), settings["users"], settings["seed"], settings["crowd"])
        # What came later is said where it is used: the fingerprints of other data stay.
        said = {key: value for key, value in settings.items() if key not in _LATER or self._is_changed(key)}
        return Dataset(
            name=self.name,
            items=self._without_some(self._shown(groups)),
            user_ids=[str(user) for user in range(settings["users"])],
            interactions=Interactions(users, taken),
            planted=True,
            parameters={**said, "simulation": VERSION},
        )

    def groups(self) -> NDArray[np.int64]:
        """The group of each item, int64 (n_items,): what content can tell of taste, and no more."""
        if self.settings["channel"] == "both":
            kinds = [item.attributes["subcategory"][0] for item in self._catalogue()]
            return np.unique(kinds, return_inverse=True)[1].astype(np.int64)
        if self.settings["channel"] == "joint":
            return group_of(*self.pairs())
        marks = BACKDROPS if self.settings["channel"] == "visual" else MAKERS
        if self.settings["groups_by"] == "popularity":
            return self._popularity() * len(marks) // len(self._popularity())
        return deal(self.settings["items"], len(marks), self.settings["seed"])

    def _popularity(self) -> NDArray[np.int64]:
        return popularity_ranks(self.settings["items"], self.settings["seed"])

    def _doses(self) -> float | NDArray[np.float64]:
        """Of each item, or of all of them alike."""
        dose, head, tail = (float(self.settings[key]) for key in ("dose", "head", "tail"))
        if head == tail:
            return dose * head
        return dose * np.where(self._popularity() < self.settings["items"] // 2, head, tail)

    def _catalogue(self) -> list[Item]:
        everything = read_items(shipped("fixtures", "emoji", "items.jsonl"))
        n_items = self.settings["items"]
        return [everything[i * len(everything) // n_items] for i in range(n_items)]

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each item's picture and sentence in the channel `joint`, as places: int64 (n_items,) each."""
        return deal_pairs(self.settings["items"], len(PICTURES), len(SENTENCES), self.settings["seed"])

    def _shown(self, groups: NDArray[np.int64]) -> list[Item]:
        """The items, made to show their groups where the channel needs that."""
        items, channel = self._catalogue(), self.settings["channel"]
        if channel == "visual":
            files = [shipped("fixtures", "emoji", "backdrops", f"{name}.png") for name in BACKDROPS]
            return [replace(item, backdrop=files[group]) for item, group in zip(items, groups, strict=True)]
        if channel == "textual":
            return [_made_by(item, MAKERS[group]) for item, group in zip(items, groups, strict=True)]
        if channel == "joint":
            files, sentences = [picture_file(name) for name in PICTURES], [*SENTENCES]
            dealt = zip(items, *self.pairs(), strict=True)
            return [_made_by(replace(item, backdrop=files[i]), sentences[j]) for item, i, j in dealt]
        return items

    def _without_some(self, items: list[Item]) -> list[Item]:
        """The items, of which some have lost image and text."""
        gone = lost(len(items), self.settings["missing"], self.settings["seed"])
        return [_bare(item) if is_gone else item for item, is_gone in zip(items, gone, strict=True)]


def _bare(item: Item) -> Item:
    return replace(item, title="", description="", image_path=None, backdrop=None)


def _made_by(item: Item, sentence: str) -> Item:
    return replace(item, description=f"{item.description} {sentence}".strip())


def _short(value: float | str) -> str:
    """A value as text: a share as short as it can be without becoming another one."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
