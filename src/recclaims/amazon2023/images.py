"""The products' images: fetched a few at a time, looked at, and kept by the hash of their address."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

from recclaims import NotAvailableError, StoreError
from recclaims.amazon2023.web import PASSING, LaterError, NotAllowedError, Web
from recclaims.data.catalogue import MAX_PIXELS

MANIFEST = "manifest.jsonl"
#: The largest file that is taken.
MAX_BYTES = 20_000_000
#: Smaller ones, in pixels a side, stand for no image.
LEAST_SIDE = 8
ENDINGS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp"}
#: After so many in a row that may come another time, the host is taken to be down.
PATIENCE = 20


@dataclass(frozen=True)
class Image:
    """One line of the manifest: an image that is there, or for good reason is not.

    Attributes:
        url: where it was.
        file: where it is, relative to the store; empty where there is none.
        sha256, bytes, width, height: of the file.
        error: why there is none; what may pass is not in the manifest.
    """

    url: str
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    error: str = ""


@dataclass
class Fetched:
    """What came of it.

    Attributes:
        images: by address, those that are there.
        gone: by address, why there is none.
        later: by address, what may go better another time.
        new: how many were fetched now.
    """

    images: dict[str, Image] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    new: int = 0

    def missing(self) -> dict[str, int]:
        """Each reason for which images are missing, with how many; the most frequent first."""
        counts: dict[str, int] = {}
        for reason in (*self.gone.values(), *self.later.values()):
            counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


class _GoneError(Exception):
    """An image that will not."""


def fetch_images(urls: list[str], store: Path, web: Web, tell: Callable[[str], None]) -> Fetched:
    """Fetch the images of these addresses into a store; what lies there is not fetched again.

    Args:
        urls: distinct addresses.
        store: a folder: images in 256 folders by the hash of their address, and a manifest, written line by line.
        web: what may be fetched, and how many at once.
        tell: is told how far it is, now and then.

    Raises:
        NotAvailableError: the host does not answer; what was fetched is kept.
        StoreError: the store cannot be written.
    """
    from PIL import Image as Pillow

    found = Fetched()
    known = _read_manifest(store)
    todo = []
    for url in urls:
        image = known.get(url)
        if image is None or (image.file and not _is_whole(store, image)):
            todo.append(url)
        elif image.file:
            found.images[url] = image
        else:
            found.gone[url] = image.error
    try:
        store.mkdir(parents=True, exist_ok=True)
        with (store / MANIFEST).open("a", encoding="utf-8") as manifest, warnings.catch_warnings():
            # Filters are the process's, not the thread's: they are set here for all threads that look at images.
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            # A line that a crash cut off must not swallow the next one.
            manifest.write("\n")
            for url, outcome in _fetch_all(todo, store, web):
                _record(found, url, outcome)
                if isinstance(outcome, Image):
                    manifest.write(json.dumps(asdict(outcome)) + "\n")
                    manifest.flush()
                done = len(found.images) + len(found.gone) + len(found.later)
                if done % 500 == 0:
                    tell(f"images: {done:,} of {len(urls):,}")
    except OSError as error:
        raise StoreError(f"{store}: cannot be written: {error.strerror or error}") from error
    return found


def _record(found: Fetched, url: str, outcome: Image | str) -> None:
    if isinstance(outcome, str):
        found.later[url] = outcome
    elif outcome.file:
        found.images[url] = outcome
        found.new += 1
    else:
        found.gone[url] = outcome.error


def _fetch_all(urls: list[str], store: Path, web: Web) -> Iterator[tuple[str, Image | str]]:
    """Yield each address with its image, or with the reason for which it may come another time."""
    waiting: dict[Future[Image | str], str] = {}
    rest = iter(urls)
    in_a_row = 0
    pool = ThreadPoolExecutor(web.connections, thread_name_prefix="images")
    try:
        while True:
            room = 4 * web.connections - len(waiting)
            waiting |= {pool.submit(_fetch, url, store, web): url for url in islice(rest, room)}
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                url, outcome = waiting.pop(future), future.result()
                yield url, outcome
                in_a_row = in_a_row + 1 if isinstance(outcome, str) else 0
                if in_a_row >= PATIENCE:
                    raise NotAvailableError(
                        f"{in_a_row} images in a row could not be fetched ({outcome}, {url}): "
                        "run the same command to continue"
                    )
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch(url: str, store: Path, web: Web) -> Image | str:
    """Fetch one image, in a thread; what goes wrong is an answer."""
    retries = web.retries()
    while True:
        try:
            return _keep(url, _bytes_of(url, web), store)
        except _GoneError as error:
            return Image(url, error=str(error))
        except NotAllowedError:
            return Image(url, error="address that is not allowed")
        except HTTPError as error:
            try:
                retries = retries.increment("GET", error=error)
            except MaxRetryError:
                return _reason(error)
            web.wait(retries, error)


def _reason(error: HTTPError) -> str:
    if isinstance(error, LaterError):
        return str(error)
    return "timeout" if isinstance(error, urllib3.exceptions.TimeoutError) else "broken connection"


def _bytes_of(url: str, web: Web) -> bytes:
    with web.get(url, web.image_hosts, {}) as response:
        if response.status in PASSING:
            raise LaterError(f"answer {response.status}", response.headers.get("retry-after"))
        if response.status != 200:
            raise _GoneError(f"answer {response.status}")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BYTES:
            raise _GoneError("too many bytes")
        content = bytearray()
        for chunk in response.stream(1 << 16, decode_content=False):
            content += chunk
            if len(content) > MAX_BYTES:
                raise _GoneError("too many bytes")
        return bytes(content)


def _keep(url: str, content: bytes, store: Path) -> Image:
    ending, width, height = _look_at(content)
    name = hashlib.sha256(url.encode()).hexdigest()[:32]
    file = f"{name[:2]}/{name}.{ending}"
    path = store / file
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{name}.{os.getpid()}.draft")
    draft.write_bytes(content)
    draft.replace(path)
    return Image(url, file, hashlib.sha256(content).hexdigest(), len(content), width, height)


def _look_at(content: bytes) -> tuple[str, int, int]:
    """Ending, width and height of an image that can be decoded; _GoneError where it is none, or too large."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(content), formats=tuple(ENDINGS)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise _GoneError("too many pixels")
            if min(width, height) < LEAST_SIDE:
                raise _GoneError("blank")
            picture.load()
            return ENDINGS[str(picture.format)], width, height
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise _GoneError("too many pixels") from None
    except (OSError, SyntaxError, ValueError):
        raise _GoneError("not an image") from None


def _read_manifest(store: Path) -> dict[str, Image]:
    """By address, the last line about it; a line that is cut off or of another form is passed over."""
    try:
        lines = (store / MANIFEST).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"{store / MANIFEST}: cannot be read: {error.strerror or error}") from error
    known = {}
    for line in lines:
        try:
            image = Image(**json.loads(line))
        except (ValueError, TypeError):
            continue
        known[image.url] = image
    return known


def _is_whole(store: Path, image: Image) -> bool:
    try:
        with (store / image.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == image.sha256
    except OSError:
        return False


def link_images(images: Mapping[str, Image], store: Path, folder: Path) -> None:
    """Put the images into `folder`, with a manifest of theirs.

    They keep their names, and are further names of the same files; copies, where the file system has no such thing.
    """
    import shutil

    folder.mkdir()
    with (folder / MANIFEST).open("w", encoding="utf-8") as manifest:
        for image in images.values():
            path = folder / image.file
            path.parent.mkdir(exist_ok=True)
            try:
                os.link(store / image.file, path)
            except OSError:
                shutil.copyfile(store / image.file, path)
            manifest.write(json.dumps(asdict(image)) + "\n")
