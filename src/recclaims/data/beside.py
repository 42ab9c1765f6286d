"""Content from files of their own, laid over a data set of any kind: a model's answers, a catalogue of items.

A reference carries it to every process: `path/to/baby?with-answers=qwen2_keyword=answers.csv&with-items=items.jsonl`.
No parameter of a source is called so, as its names are Python's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from recclaims.data.answers_file import AnswersFile
from recclaims.data.ids import FEW, align, shown_ids
from recclaims.data.items_file import peek, peek_answers, read_items
from recclaims.data.source_spec import SourceSpec, source_spec
from recclaims.errors import DatasetError
from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.data.catalogue import Item
    from recclaims.data.dataset import Dataset, DatasetSource

ANSWERS, ITEMS = "with-answers", "with-items"
#: What stays readable in a reference; the rest is written as in a web address.
_SAFE = "/:=,~ "


@dataclass(frozen=True)
class Beside:
    """What is laid over a data set.

    Attributes:
        answers: files of answers.
        items: a catalogue like items.jsonl; None: none.
    """

    answers: tuple[AnswersFile, ...] = ()
    items: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.answers) or self.items is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the answers that it brings."""
        return (*(peek_answers(self.items) if self.items else ()), *(file.name for file in self.answers))

    @property
    def modalities(self) -> frozenset[str]:
        """What it brings, in the words of DatasetSource."""
        return (peek(self.items) if self.items else frozenset()) | ({"answers"} if self.answers else set())

    def check(self) -> None:
        """Look at the first rows of its files; raises DatasetError for one that cannot be read."""
        for file in self.answers:
            file.check()
        if self.items is not None and not self.items.is_file():
            raise DatasetError(f"{self.items}: does not exist")

    def over(self, dataset: Dataset) -> Dataset:
        """The data set with it.

        Raises:
            DatasetError: a file cannot be read, or is of other items; see AnswersFile.read and ids.align.
        """
        if self.items is not None:
            dataset = with_items(dataset, read_items(self.items), self.items)
        for file in self.answers:
            dataset = _with_answers(dataset, file)
        return dataset


def _with_answers(dataset: Dataset, file: AnswersFile) -> Dataset:
    if any(file.name in item.answers for item in dataset.items):
        raise DatasetError(
            f"{file.path}: the items of '{dataset.name}' have answers called '{file.name}' already; choose another name"
        )
    texts, told = file.read().of_items([item.item_id for item in dataset.items])
    items = [
        replace(item, answers={**item.answers, file.name: texts[item.item_id]}) if item.item_id in texts else item
        for item in dataset.items
    ]
    return replace(dataset, items=items, notes=(*dataset.notes, told))


def with_items(dataset: Dataset, items: Sequence[Item], path: Path) -> Dataset:
    """A data set whose items have what a catalogue says of them, and keep what it does not say.

    Args:
        dataset: the data set; what is no item of it is not added.
        items: the catalogue.
        path: where it is from, for messages.

    Raises:
        DatasetError: of the smaller of the two less than a tenth is in the other; or see ids.align.
    """
    described = {item.item_id: item for item in items}
    found = align(described, [item.item_id for item in dataset.items], str(path))
    if len(found.known) < max(1, FEW * min(len(described), found.items)):
        raise DatasetError(
            f"{path}: {len(found.known):,} of its {len(described):,} items are in '{dataset.name}': the catalogue's "
            f"ids are like {shown_ids(found.without)}, the file's like {shown_ids(found.strangers)}; is it of this "
            "data set?"
        )
    mine = {item_id: described[one] for one, item_id in found.known.items()}
    merged = [_merged(item, mine[item.item_id]) if item.item_id in mine else item for item in dataset.items]
    return replace(dataset, items=merged, notes=(*dataset.notes, f"{path.name} describes {found}"))


def _merged(item: Item, other: Item) -> Item:
    """An item with what another catalogue says of it."""
    return replace(
        item,
        title=other.title or item.title,
        description=other.description or item.description,
        attributes={**item.attributes, **other.attributes},
        answers={**item.answers, **other.answers},
        image_path=other.image_path or item.image_path,
        backdrop=None if other.image_path else item.backdrop,
        domain=other.domain or item.domain,
    )


class WithContent:
    """A source with content laid over it; it goes by the same name, as its interactions and its split are the same."""

    def __init__(self, source: DatasetSource, beside: Beside) -> None:
        self.name, self._source, self._beside = source.name, source, beside
        beside.check()

    @property
    def modalities(self) -> frozenset[str]:
        """See DatasetSource."""
        return self._source.modalities | self._beside.modalities

    @property
    def spec(self) -> SourceSpec:
        """See SourceSpec."""
        mine = source_spec(self._source)
        return replace(mine, answers=tuple(dict.fromkeys((*mine.answers, *self._beside.names))))

    def load(self) -> Dataset:
        """See DatasetSource."""
        return self._beside.over(self._source.load())


def with_content(reference: str, answers: Sequence[str] = (), items: str | None = None, where: str = "") -> str:
    """A data set's reference with content beside it.

    Args:
        reference: as `--claims-data` takes it.
        answers: `NAME=FILE`, see AnswersFile.parse.
        items: the path of a catalogue like items.jsonl.
        where: the option that gave the answers, for messages.

    Raises:
        DatasetError, UnknownNameError: see AnswersFile.parse; or two answers have one name.
    """
    files = [AnswersFile.parse(text, where) for text in answers]
    for file in files:
        if sum(file.name == other.name for other in files) > 1:
            raise DatasetError(f"{where}: '{file.name}' is given twice; choose another name")
    return joined(reference, Beside(tuple(files), Path(expanded(items)) if items else None))


def joined(reference: str, beside: Beside) -> str:
    """The opposite of split_content."""
    parts = [(ANSWERS, str(file)) for file in beside.answers]
    parts += [(ITEMS, str(beside.items))] if beside.items is not None else []
    query = "&".join(f"{key}={quote(value, safe=_SAFE)}" for key, value in parts)
    return f"{reference}{'&' if '?' in reference else '?'}{query}" if query else reference


def split_content(reference: str) -> tuple[str, Beside]:
    """The opposite of with_content: the reference alone, and what is laid over it."""
    place, mark, query = reference.partition("?")
    answers: list[AnswersFile] = []
    items: Path | None = None
    rest = []
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key == ANSWERS:
            answers.append(AnswersFile.parse(unquote(value), f"{place}: {ANSWERS}"))
        elif key == ITEMS:
            if items is not None:
                raise DatasetError(f"{reference}: key '{ITEMS}' is given twice")
            items = Path(expanded(unquote(value)))
        else:
            rest.append(part)
    left = "&".join(rest)
    return place + (mark + left if left or not (answers or items) else ""), Beside(tuple(answers), items)


def relocated(reference: str, place: Callable[[Path], Path]) -> str:
    """A reference whose files beside it are at other places, as `place` says of each."""
    alone, beside = split_content(reference)
    files = tuple(replace(file, path=place(file.path)) for file in beside.answers)
    return joined(alone, Beside(files, None if beside.items is None else place(beside.items)))
