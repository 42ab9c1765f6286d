"""A large file from the web: resumed where it broke off, checked against its size, tried again with patience."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, MaxRetryError

from recclaims import NotAvailableError, StoreError, UnknownNameError
from recclaims.amazon2023.web import PASSING, LaterError, Web

#: The 33 categories, and what has none. Others may be prepared from a folder of one's own.
# fmt: off
CATEGORIES = (
    "All_Beauty", "Amazon_Fashion", "Appliances", "Arts_Crafts_and_Sewing", "Automotive", "Baby_Products",
    "Beauty_and_Personal_Care", "Books", "CDs_and_Vinyl", "Cell_Phones_and_Accessories",
    "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Gift_Cards", "Grocery_and_Gourmet_Food",
    "Handmade_Products", "Health_and_Household", "Health_and_Personal_Care", "Home_and_Kitchen",
    "Industrial_and_Scientific", "Kindle_Store", "Magazine_Subscriptions", "Movies_and_TV",
    "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden", "Pet_Supplies", "Software",
    "Sports_and_Outdoors", "Subscription_Boxes", "Tools_and_Home_Improvement", "Toys_and_Games", "Unknown",
    "Video_Games",
)
# fmt: on
CHUNK = 1 << 20


@dataclass(frozen=True)
class _Note:
    """What is known of a part: where it is from, its size when whole, and how the server calls that version."""

    url: str
    total: int
    version: str = ""


def download_raw(category: str, folder: Path, web: Web, tell: Callable[[str], None]) -> None:
    """Fetch the two raw files of a category into `folder`; what is there whole is not fetched again.

    Raises:
        UnknownNameError: the dataset has no such category.
        NotAvailableError: no host has them, or none answers; what arrived is kept, to be continued.
    """
    if category not in CATEGORIES:
        raise UnknownNameError.of("category", category, CATEGORIES, "amazon2023")
    for part in (f"review_categories/{category}.jsonl.gz", f"meta_categories/meta_{category}.jsonl.gz"):
        target = folder / part.partition("/")[2]
        reasons = []
        for base in web.bases:
            if target.is_file():
                break
            try:
                download(f"{base}/{part}", target, web, tell)
            except NotAvailableError as error:
                reasons.append(str(error))
        if not target.is_file():
            raise NotAvailableError(
                f"{'; '.join(reasons)}: run the same command to continue, or give raw files by --from DIR"
            )


def download(url: str, target: Path, web: Web, tell: Callable[[str], None]) -> None:
    """Fetch `url` into `target`, which is there whole in the end or not at all.

    What has arrived lies in `target` + `.part`, and beside it what the server called that version; it is continued
    by a range request if the server still has the same version, and begun anew otherwise.

    Raises:
        NotAvailableError: the server does not have it, or nothing more arrived in `web.tries` tries in a row.
        StoreError: the disk is full, or the folder cannot be written.
    """
    part = target.with_name(target.name + ".part")
    retries = web.retries()
    while True:
        before = _size(part)
        try:
            _attempt(url, part, web, tell)
            part.replace(target)
            _note_of(part).unlink(missing_ok=True)
        except HTTPError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            try:
                retries = (web.retries() if _size(part) > before else retries).increment("GET", error=error)
            except MaxRetryError:
                raise NotAvailableError(f"{url}: {reason} ({web.tries} times in a row)") from None
            tell(f"{target.name}: {reason}; trying again")
            web.wait(retries, error)
        except OSError as error:
            raise StoreError(f"{part}: cannot be written: {error.strerror or error}") from error
        else:
            return


def _attempt(url: str, part: Path, web: Web, tell: Callable[[str], None]) -> None:
    """Fetch what is missing of `part`; an HTTPError where that did not go well."""
    part.parent.mkdir(parents=True, exist_ok=True)
    note = _read_note(part, url)
    have = _size(part) if note else 0
    if note and have == note.total:
        return
    headers = {"range": f"bytes={have}-", "if-range": note.version} if note and have else {}
    with web.get(url, web.hosts, headers) as response:
        if response.status in PASSING:
            raise LaterError(f"the server answered {response.status}", response.headers.get("retry-after"))
        if response.status == 416 or (response.status == 206 and not _continues(response, have, note)):
            _note_of(part).unlink(missing_ok=True)
            raise LaterError("the file on the server has changed")
        if response.status not in (200, 206):
            raise NotAvailableError(f"{url}: the server answered {response.status}")
        if response.status == 200:
            have, note = 0, _write_note(part, url, response)
        total = None if note is None else note.total
        with part.open("ab" if have else "wb") as file:
            for chunk in response.stream(CHUNK, decode_content=False):
                have += len(chunk)
                if total is not None and have > total:
                    raise LaterError(f"more than the {total:,} bytes that the server announced")
                file.write(chunk)
                if have // (100 * CHUNK) != (have - len(chunk)) // (100 * CHUNK):
                    tell(f"{part.stem}: {have >> 20:,} of {(total or 0) >> 20:,} MB")
        if total is not None and have != total:
            raise LaterError(f"{have:,} of {total:,} bytes arrived")


def _continues(response: BaseHTTPResponse, have: int, note: _Note | None) -> bool:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("content-range", ""))
    return bool(found and note and int(found[1]) == have and int(found[2]) == note.total)


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_note(part: Path, url: str) -> _Note | None:
    """What is known of the part: its version and total size; None where it cannot be continued."""
    try:
        note = _Note(**json.loads(_note_of(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    sound = note.url == url and isinstance(note.total, int) and isinstance(note.version, str) and note.version
    return note if sound else None


def _write_note(part: Path, url: str, response: BaseHTTPResponse) -> _Note | None:
    """Note the version and size of what begins to arrive; without either it could not be continued."""
    _note_of(part).unlink(missing_ok=True)
    etag = response.headers.get("etag", "")
    # A weak tag does not promise the same bytes.
    version = etag if etag and not etag.startswith("W/") else response.headers.get("last-modified")
    length = response.headers.get("content-length", "")
    if not length.isdecimal():
        return None
    note = _Note(url, int(length), version or "")
    if note.version:
        _note_of(part).write_text(json.dumps(asdict(note)), encoding="utf-8")
    return note


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
