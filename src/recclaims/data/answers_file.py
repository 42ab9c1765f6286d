"""Answers of a vision-language model in a file of their own, one item a row, as scripts write them."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from recclaims.data.answer_types import kind_of
from recclaims.data.ids import FEW, align, shown_ids
from recclaims.data.items_file import MAX_ID, MAX_TEXT
from recclaims.data.rows_file import Rows
from recclaims.errors import DatasetError, UnknownNameError
from recclaims.paths import expanded

#: What columns are called, in small letters without what stands between words; the first that a file has counts.
IDS = ("itemid", "parentasin", "asin", "id", "imagename", "imageid", "image", "filename", "movieid", "productid")
ANSWERS = ("answer", "result", "response", "output", "keywords", "keyword", "description", "caption", "text")
#: Keys behind the file's question mark.
KEYS = ("id", "answer")
EXAMPLE = "qwen2_keyword=answers.csv"
#: What stands for something else where the name is used.
_MARKS = ":?&+=/\\,"


@dataclass(frozen=True)
class AnswersFile:
    """Answers that lie beside a data set.

    Attributes:
        name: what they are called among the answers of its items: model and kind, as in `qwen2_keyword`.
        path: the file.
        id_column, answer_column: its columns, where their names do not say it; empty: see IDS and ANSWERS.
    """

    name: str
    path: Path
    id_column: str = ""
    answer_column: str = ""

    @classmethod
    def parse(cls, text: str, where: str) -> AnswersFile:
        """Read `NAME=FILE?id=COLUMN&answer=COLUMN`.

        A NAME that does not say what was asked gets it from the file's name: `qwen2=movies_qwen2_keywords.csv` is
        `qwen2_keyword`.

        Args:
            text: what a person wrote; a question mark of the path is %3F in it.
            where: the option or key, for messages.

        Raises:
            DatasetError, UnknownNameError: it is not of this form; says what to write.
        """
        name, equals, rest = text.partition("=")
        if not (equals and name.strip() and rest):
            raise DatasetError(f"{where}: '{text}' is not NAME=FILE, as in {EXAMPLE}")
        return cls.of(name, rest, where)

    @classmethod
    def of(cls, name: str, text: str, where: str, folder: Path | None = None) -> AnswersFile:
        """Read a NAME and its `FILE?id=COLUMN&answer=COLUMN`; see parse. A relative path starts from `folder`."""
        if not (name.strip() and name.isprintable()) or re.search(rf"[\s{re.escape(_MARKS)}]", name):
            raise DatasetError(
                f"{where}: {name!r} cannot name answers: leave out blanks and {' '.join(_MARKS)}, as in {EXAMPLE}"
            )
        file, _, query = text.partition("?")
        settings = dict(parse_qsl(query, keep_blank_values=True))
        for key in settings:
            if key not in KEYS:
                raise UnknownNameError.of("key", key, KEYS, f"{where}: {text}")
        path = Path(expanded(re.sub("%3[Ff]", "?", file)))
        # Of a file that is called by what was asked alone, as keywords.csv, all but that is the model.
        if not kind_of(name).kind and (asked := kind_of(f"_{path.stem}").kind):
            name = f"{name}_{asked}"
        return cls(name, folder / path if folder else path, settings.get("id", ""), settings.get("answer", ""))

    def __str__(self) -> str:
        """The opposite of parse."""
        columns = {key: value for key, value in zip(KEYS, (self.id_column, self.answer_column), strict=True) if value}
        file = str(self.path).replace("?", "%3F")
        return f"{self.name}={file}{'?' + urlencode(columns, quote_via=quote) if columns else ''}"

    def check(self) -> None:
        """Read the first row alone.

        Raises:
            DatasetError: the file is not there, cannot be read, or does not have the columns.
        """
        next(self._rows(Rows(self.path)), None)

    def read(self) -> Answers:
        """Read the file.

        Raises:
            DatasetError: a row cannot be read or has no id, an id has two answers, or there is no answer at all;
                names file, row and column.
        """
        rows = Rows(self.path)
        texts: dict[str, str] = {}
        places: dict[str, int] = {}
        repeated = 0
        twice: list[str] = []
        for row, item_id, text in self._rows(rows):
            if item_id not in texts:
                texts[item_id], places[item_id] = text, row
            elif texts[item_id] == text:
                repeated += 1
            else:
                twice.append(f"'{item_id}' (rows {places[item_id]} and {row})")
        if twice:
            raise DatasetError(
                f"{self.path}: {len(twice):,} rows give an id another answer: {', '.join(twice[:3])}; keep one of each"
            )
        if not any(text.strip() for text in texts.values()):
            raise DatasetError(f"{self.path}: holds no answer")
        return Answers(self, texts, repeated, rows.cut)

    def _rows(self, rows: Rows) -> Iterator[tuple[int, str, str]]:
        """Yield number, id and text of every row; the first row of data is 1."""
        columns: tuple[str, str] | None = None
        for number, record in enumerate(rows, 1):
            columns = columns or self._columns(list(record))
            where = f"{self.path}: row {number}"
            yield number, _id(record, columns[0], where), _text(record, columns[1], where)
        if columns is None:
            raise DatasetError(f"{self.path}: has no rows")

    def _columns(self, names: Sequence[str]) -> tuple[str, str]:
        """The columns of ids and of answers."""
        for name in filter(None, (self.id_column, self.answer_column)):
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"; '{near[0]}' is nearest" if near else ""
                raise DatasetError(f"{self.path}: column '{name}' is missing{hint}; it has {', '.join(names)}")
        ids = [self.id_column] if self.id_column else _called(IDS, [one for one in names if one != self.answer_column])
        rest = [name for name in names if name not in ids[:1]]
        answers = [self.answer_column] if self.answer_column else _called(ANSWERS, rest)
        if ids and not answers and len(rest) == 1:
            answers = rest
        # Two columns that are called like answers, as `keywords` and `description`, may be of two prompts.
        if not ids or len(answers) != 1:
            raise DatasetError(
                f"{self.path}: has the columns {', '.join(names)}; say which one holds the ids and which the answers: "
                f"{self.name}={self.path.name}?id=COLUMN&answer=COLUMN"
            )
        return ids[0], answers[0]


@dataclass(frozen=True)
class Answers:
    """What such a file says.

    Attributes:
        file: where they are from.
        texts: raw answers by the file's ids; empty where the model said nothing.
        repeated: rows left out because they say again what an earlier one does.
        cut: whether the last row was cut off and left out.
    """

    file: AnswersFile
    texts: Mapping[str, str]
    repeated: int = 0
    cut: bool = False

    def of_items(self, catalogue: Sequence[str]) -> tuple[dict[str, str], str]:
        """The answers by the catalogue's ids, and a line on how the two match.

        Raises:
            DatasetError: less than a tenth of the items have an answer; or see ids.align.
        """
        path = self.file.path
        found = align(self.texts, catalogue, str(path))
        if len(found.known) < max(1, FEW * len(catalogue)):
            raise DatasetError(
                f"{path}: has an answer for {len(found.known):,} of {len(catalogue):,} items: the catalogue's ids are "
                f"like {shown_ids(found.without)}, the file's like {shown_ids(found.strangers or [*self.texts])}; is "
                "it of this data set, and is its column of ids the right one?"
            )
        mine = {item_id: self.texts[one] for one, item_id in found.known.items()}
        told = [f"{self.file.name} ({path.name}) for {found}"]
        empty = sum(not text.strip() for text in mine.values())
        told += [f"{empty:,} empty"] if empty else []
        told += [f"{self.repeated:,} rows repeated"] if self.repeated else []
        told += ["its last row is cut off and left out"] if self.cut else []
        return mine, "; ".join(told)


def _called(known: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those columns that are called by a known name, in the order of the known ones."""
    bare = {name: re.sub(r"[\W_]+", "", name.lower()) for name in names}
    return [name for one in known for name in names if bare[name] == one]


def _id(record: Mapping[str, Any], column: str, where: str) -> str:
    value = record.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        raise DatasetError(f"{where}: {column} is empty")
    if not isinstance(value, str) or len(value) > MAX_ID:
        raise DatasetError(f"{where}: {column} is {str(value)[:40]!r}, not an id of at most {MAX_ID:,} characters")
    return value


def _text(record: Mapping[str, Any], column: str, where: str) -> str:
    value = record.get(column)
    if isinstance(value, list) and len(value) == 1:  # as some scripts write it
        value = value[0]
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise DatasetError(f"{where}: {column} is {str(value)[:40]!r}, not a text of at most {MAX_TEXT:,} characters")
    return value


def answers_text(answers: Mapping[str, str]) -> str:
    """Answers by item id as JSONL, in the columns that `AnswersFile` finds by itself."""
    rows = (json.dumps({"item_id": name, "answer": text}, ensure_ascii=False) for name, text in answers.items())
    return "".join(f"{row}\n" for row in rows)
