"""A catalogue from items.jsonl: one JSON object a line."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from recclaims.data.catalogue import Item
from recclaims.errors import DatasetError
from recclaims.json_keys import each_key_once
from recclaims.regular_file import open_text

KEYS = ("item_id", "title", "description", "image", "attributes", "lvlm")
#: Characters of the longest line, text and id that are read; a book has a million.
MAX_LINE, MAX_TEXT, MAX_ID = 8_000_000, 1_000_000, 1_000
#: How far `peek` reads: enough to meet an image or a text where there are any, and quick at any size.
PEEK_LINES = 2000
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_items(path: Path) -> list[Item]:
    """Read the catalogue.

    Besides `item_id`, `title`, `description`, `image` (a path relative to the file, inside its folder),
    `attributes` ({slot: [values]}) and `lvlm` ({model and prompt: raw answer}), any other field that is a list
    of texts is an attribute slot (`"genres": ["Comedy"]`); fields that are one in no line are left alone.

    Raises:
        DatasetError: names the file, the line and the key that is wrong.
    """
    items: list[Item] = []
    lines: dict[str, int] = {}
    folder = ImageFolder(path.parent)
    fields = _Fields()
    for number, record in _records(path):
        where = f"{path}:{number}"
        item = item_of(record, folder.file, where)
        fields.check(record, where)
        if item.item_id in lines:
            raise DatasetError(f"{where}: duplicate item_id '{item.item_id}', already in line {lines[item.item_id]}")
        lines[item.item_id] = number
        items.append(item)
    if not items:
        raise DatasetError(f"{path}: has no items")
    return items


def peek(path: Path) -> frozenset[str]:
    """What the first lines say the items carry, in the words of DatasetSource; errors are left to reading."""
    found: set[str] = set()
    try:
        for number, record in _records(path):
            found |= {"visual"} if record.get("image") else set()
            found |= {"textual"} if record.get("title") or record.get("description") else set()
            found |= {"attributes"} if _slots(record) else set()
            found |= {"answers"} if record.get("lvlm") else set()
            if len(found) == 4 or number >= PEEK_LINES:
                break
    except DatasetError:
        pass  # read_items will say so, when it is read
    return frozenset(found)


def peek_answers(path: Path) -> tuple[str, ...]:
    """The names of the answers that the first lines have, in their order; errors are left to reading."""
    names: dict[str, None] = {}
    try:
        for number, record in _records(path):
            answers = record.get("lvlm")
            names |= dict.fromkeys(answers if isinstance(answers, dict) else ())
            if number >= PEEK_LINES:
                break
    except DatasetError:
        pass  # read_items will say so, when it is read
    return tuple(names)


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        yield from json_records(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def json_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and object of every line that is not empty.

    Raises:
        DatasetError: a line is too long, or no JSON object; names the file and the line.
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    with open_text(path, None) as file:  # by lines, each of them bounded
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), 1):
            if len(line) > MAX_LINE:
                raise DatasetError(f"{path}:{number}: the line is longer than {MAX_LINE:,} characters")
            if not line.strip():
                continue
            try:
                record = json.loads(line, object_pairs_hook=each_key_once)
            except (ValueError, RecursionError) as error:
                raise DatasetError(f"{path}:{number}: not JSON: {error}") from None
            if _SURROGATE.search(line):
                _check_letters(record, f"{path}:{number}")
            if not isinstance(record, dict):
                raise DatasetError(f"{path}:{number}: not a JSON object, but a {type(record).__name__}")
            yield number, record


def _check_letters(value: object, where: str) -> None:
    """Refuse half of a pair of escapes, which JSON can write and nothing else can: no file or digest takes it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        broken = error.object[error.start]
        raise DatasetError(f"{where}: the escape \\u{ord(broken):04x} is a lone surrogate, not a character") from None


def item_of(record: Mapping[str, Any], file: Callable[[str, str], Path], where: str) -> Item:
    """An item of a record with the fields that `read_items` tells of.

    Args:
        record: fields by name.
        file: finds the image of a name; the second argument is `where`.
        where: for messages.

    Raises:
        DatasetError: a field is of the wrong type, or misspelt.
    """
    for key in record:
        near = _nearest(key)
        if near and near not in record:
            raise DatasetError(f"{where}: unknown key '{key}'; did you mean '{near}'?")
    attributes = record.get("attributes")
    if attributes is not None and not _is_slots(attributes):
        raise DatasetError(f"{where}: key 'attributes' is {attributes!r}, not an object of lists of strings")
    image = _text(record, "image", where)
    return Item(
        item_id=_id(record, where),
        title=_text(record, "title", where),
        description=_text(record, "description", where),
        attributes=_slots(record),
        answers=_answers(record, where),
        image_path=file(image, where) if image else None,
    )


def _id(record: Mapping[str, Any], where: str) -> str:
    item_id = record.get("item_id")
    if isinstance(item_id, int) and not isinstance(item_id, bool):
        item_id = str(item_id)
    if not isinstance(item_id, str) or not item_id:
        raise DatasetError(
            f"{where}: key 'item_id' is {'missing' if item_id is None else f'{item_id!r}, not a string'}"
        )
    if len(item_id) > MAX_ID:
        raise DatasetError(f"{where}: key 'item_id' is longer than {MAX_ID:,} characters")
    return item_id


def _text(record: Mapping[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{where}: key '{key}' is {value!r}, not a string")
    if len(value or "") > MAX_TEXT:
        raise DatasetError(f"{where}: key '{key}' is longer than {MAX_TEXT:,} characters")
    return value or ""


def _answers(record: Mapping[str, Any], where: str) -> dict[str, str]:
    answers = record.get("lvlm") or {}
    if not isinstance(answers, dict) or not all(isinstance(answer, str) for answer in answers.values()):
        raise DatasetError(f"{where}: key 'lvlm' is not an object of strings")
    for name in answers:
        if not name or not name.isprintable():
            raise DatasetError(f"{where}: key 'lvlm': {name!r} is not the name of an answer")
    return answers


@lru_cache(maxsize=1024)
def _nearest(key: str) -> str | None:
    """The key that an unknown one may be a slip for; kept, since every line has the same keys."""
    near = [] if key in KEYS else difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8)
    return near[0] if near else None


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_slots(value: object) -> bool:
    return isinstance(value, dict) and all(_is_texts(entry) for entry in value.values())


def _slots(record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    named = record.get("attributes")
    slots: dict[str, list[str]] = dict(named) if isinstance(named, dict) and _is_slots(named) else {}
    slots |= {key: value for key, value in record.items() if key not in KEYS and _is_texts(value)}
    return {slot: tuple(values) for slot, values in slots.items() if values}


class _Fields:
    """The fields beside KEYS: one that is a slot in some line is a list of texts, or empty, in every line."""

    def __init__(self) -> None:
        self._slots: dict[str, str] = {}
        self._others: dict[str, str] = {}

    def check(self, record: Mapping[str, Any], where: str) -> None:
        """Raise DatasetError where a slot's values are no texts, which would leave the item without the slot."""
        for key, value in record.items():
            if key in KEYS or value is None or value in ("", []):
                continue
            if _is_texts(value):
                self._slots.setdefault(key, where)
            elif isinstance(value, list) and any(isinstance(entry, str) for entry in value):
                raise DatasetError(f"{where}: key '{key}' is {_short(value)}, not a list of strings")
            else:
                self._others.setdefault(key, f"{where}: key '{key}' is {_short(value)}")
            if key in self._slots and key in self._others:
                raise DatasetError(
                    f"{self._others[key]}, but a list of strings elsewhere ({self._slots[key]}); write a list in all"
                )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class ImageFolder:
    """The folder of a catalogue, that images must lie in; a folder in it is resolved once for all its images."""

    def __init__(self, path: Path) -> None:
        self._path, self._root = path, path.resolve()
        self._inside: dict[str, bool] = {}

    def file(self, name: str, where: str) -> Path:
        """The path of an image; it must stay in the folder, links resolved, and be there."""
        path = self._path / name
        try:
            inside, there = self._look(path)
        except (OSError, ValueError) as error:  # a name that is too long, or has a zero byte
            raise DatasetError(f"{where}: key 'image': {name[:40]!r} is not a file name: {error}") from None
        if not inside:
            raise DatasetError(f"{where}: key 'image': {name!r} leads out of the folder")
        if not there:
            raise DatasetError(f"{where}: key 'image': {name!r} does not exist in the folder")
        return path

    def _look(self, path: Path) -> tuple[bool, bool]:
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = 0
        parent, name = os.path.split(path)
        if name == ".." or stat.S_ISLNK(mode):
            return path.resolve().is_relative_to(self._root), path.is_file()
        if parent not in self._inside:
            self._inside[parent] = Path(parent).resolve().is_relative_to(self._root)
        return self._inside[parent], stat.S_ISREG(mode)
