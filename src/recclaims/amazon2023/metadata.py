"""Products: what the metadata file says of the items that were reviewed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recclaims.amazon2023.faults import WRONG_TYPE, Faults
from recclaims.amazon2023.lines import Digest, read_blocks
from recclaims.amazon2023.records import FaultError, identifier, parse
from recclaims.data.markup import plain_text

#: Sizes of an image, best first: encoders look at some 224 to 500 pixels, and hi_res is up to ten times the bytes.
SIZES = ("large", "hi_res", "thumb")
MAIN = "MAIN"


@dataclass(frozen=True)
class Product:
    """One item's content; its texts are those of a web page, and are kept as a browser shows them.

    Attributes:
        title: may be empty.
        description: its paragraphs; where there are none, its features.
        categories: from general to special, without the first, which all products of a file share.
        image_url: of its main image, or of its first; empty where it has none.
    """

    title: str
    description: str
    categories: tuple[str, ...]
    image_url: str


@dataclass
class Metadata:
    """What was read.

    Attributes:
        known: every parent_asin of the reviewed items that the file has.
        with_text, with_image: those of them that have any.
        products: the content of the wanted ones.
        lines: how many lines there were, without blank ones.
        repeated: lines about an item that an earlier line was about; they are left out.
    """

    known: set[str] = field(default_factory=set)
    with_text: set[str] = field(default_factory=set)
    with_image: set[str] = field(default_factory=set)
    products: dict[str, Product] = field(default_factory=dict)
    lines: int = 0
    repeated: int = 0


def read_metadata(
    path: Path,
    reviewed: Collection[str],
    wanted: Collection[str],
    faults: Faults,
    tell: Callable[[str], None] = lambda _: None,
    digest: Digest | None = None,
) -> Metadata:
    """Read a file of products.

    Args:
        path: JSON lines with `parent_asin`, and `title`, `description`, `features`, `categories` and `images` where
            they are known; other fields are not read.
        reviewed: ids of all reviewed items; other products are passed over.
        wanted: ids of those whose content is kept.
        faults: is told of every line that is left out, and raises when there are too many.
        tell: is told how many were read, now and then.
        digest: see read_blocks.

    Raises:
        DatasetError: the file cannot be read, or too many lines are bad.
    """
    found = Metadata()
    for n_blocks, (number, block) in enumerate(read_blocks(path, faults, digest=digest), 1):
        for i, line in enumerate(block.split(b"\n")):
            stripped = (line.removeprefix(b"\xef\xbb\xbf") if number + i == 1 else line).strip()
            if not stripped:
                continue
            found.lines += 1
            try:
                record = parse(stripped)
                item = identifier(record, "parent_asin")
                product = _product(record)
            except FaultError as fault:
                faults.add(path, fault.kind, number + i, fault.about)
                continue
            _keep(found, item, product, reviewed, wanted)
        faults.check()
        if n_blocks % 32 == 0:
            tell(f"{path.name}: {found.lines:,} products read")
    faults.check()
    tell(f"{path.name}: {found.lines:,} products read")
    return found


def _keep(found: Metadata, item: str, product: Product, reviewed: Collection[str], wanted: Collection[str]) -> None:
    if item not in reviewed:
        return
    if item in found.known:
        found.repeated += 1
        return
    found.known.add(item)
    if product.title or product.description:
        found.with_text.add(item)
    if product.image_url:
        found.with_image.add(item)
    if item in wanted:
        found.products[item] = product


def _product(record: Mapping[str, Any]) -> Product:
    categories = _texts(record, "categories")
    description, features = (" ".join(_texts(record, name)) for name in ("description", "features"))
    return Product(
        title=" ".join(_texts(record, "title")),
        description=description or features,
        categories=tuple(dict.fromkeys(categories[1:] or categories)),
        image_url=_image(record.get("images")),
    )


def _texts(record: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a list, or of a text: no markup, white space as single spaces, what UTF-8 cannot say replaced."""
    value = record.get(name)
    texts = [value] if isinstance(value, str) else value or []
    if not isinstance(texts, list) or not all(text is None or isinstance(text, str) for text in texts):
        raise FaultError(WRONG_TYPE, name)
    cleaned = (" ".join(plain_text(text).replace("\0", " ").split()) for text in texts if text)
    return [text.encode("utf-8", "replace").decode("utf-8") for text in cleaned if text]


def _image(images: object) -> str:
    """The address of the main image, else of the first that has one; empty where there is none."""
    if isinstance(images, dict):  # by columns, as some exports have them
        images = _rows(images)
    if images is None:
        return ""
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise FaultError(WRONG_TYPE, "images")
    addresses = [(image.get("variant") == MAIN, address) for image in images if (address := _address(image))]
    return next((address for main, address in addresses if main), addresses[0][1] if addresses else "")


def _address(image: Mapping[str, Any]) -> str:
    addresses: Iterable[object] = (image.get(size) for size in SIZES)
    chosen = next((address for address in addresses if address), "")
    if not isinstance(chosen, str):
        raise FaultError(WRONG_TYPE, "images")
    return chosen.encode("utf-8", "replace").decode("utf-8").strip()


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not all(isinstance(values, list) for values in columns.values()):
        raise FaultError(WRONG_TYPE, "images")
    n_rows = max(map(len, columns.values()), default=0)
    return [{name: values[i] for name, values in columns.items() if i < len(values)} for i in range(n_rows)]
