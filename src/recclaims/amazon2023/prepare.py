"""From raw files to a prepared folder: read, left out by rule, cut to the core, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims import DatasetError, Prepared, PrepareRequest, StoreError
from recclaims.amazon2023.download import download_raw
from recclaims.amazon2023.faults import UNKNOWN, Faults
from recclaims.amazon2023.images import Fetched, fetch_images, link_images
from recclaims.amazon2023.kcore import k_core
from recclaims.amazon2023.lines import Digest
from recclaims.amazon2023.metadata import Metadata, Product, read_metadata
from recclaims.amazon2023.record import RECORD, VERSION, read_record
from recclaims.amazon2023.reviews import Reviews, read_reviews
from recclaims.amazon2023.web import Web
from recclaims.polars_writes import as_os_error
from recclaims.store import make_draft

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The paper's protocol: 80/10/10 at random, and of held-out ratings those from 4 are to be found again.
RELEVANCE, SPLIT = 4, "random"
#: Categories that the paper has prompts for.
DOMAINS = {"Baby_Products": "baby", "Clothing_Shoes_and_Jewelry": "clothing", "Pet_Supplies": "pets"}
#: By policy, what an item must have to be kept.
LACKING: dict[str, frozenset[str]] = {
    "keep": frozenset(),
    "drop": frozenset({"image", "text"}),
    "drop-imageless": frozenset({"image"}),
    "drop-textless": frozenset({"text"}),
}


@dataclass
class Preparation:
    """One preparation: a category under a rule, and what a person asked for.

    Attributes:
        category: of the raw files.
        name: of the dataset.
        core: the least number of interactions of a user and of an item.
        lacking: the policy, see LACKING.
        folder: where the prepared dataset goes.
        request: see PrepareRequest.
        web: what may be fetched.
        rows: what was read, left out and kept, as it becomes known.
        notes: sentences on the rest.
    """

    category: str
    name: str
    core: int
    lacking: str
    folder: Path
    request: PrepareRequest
    web: Web = field(default_factory=Web)
    rows: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self) -> Prepared:
        """Do it, unless it was done from the same files.

        Raises:
            RecclaimsError: see Preparable; nothing is left but what can be continued.
        """
        with self._lock():
            raw = self._find_raw()
            record = read_record(self.folder)
            if record is not None and self._serves(record, raw):
                rows = tuple((what, count) for what, count in record["rows"])
                return Prepared(self.folder, True, rows, tuple(record["notes"]))
            faults = Faults(self.request.max_bad)
            digests = Digest(), Digest()
            reviews = read_reviews(raw[0], faults, self.request.tell, digest=digests[0])
            reviews, products = self._choose(raw, reviews, faults, digests[1])
            fetched = self._images(reviews, products) if self.request.images else None
            if fetched is not None and "image" in LACKING[self.lacking]:
                reviews, products = self._with_images(reviews, products, fetched)
            self._kept(reviews, products, fetched)
            inputs = [{"file": path.name, **read.facts()} for path, read in zip(raw, digests, strict=True)]
            self._write(reviews, products, fetched, inputs)
        return Prepared(self.folder, False, tuple(self.rows), tuple(self.notes))

    def _serves(self, record: Mapping[str, Any], raw: Sequence[Path]) -> bool:
        """Whether a folder is what would be made now; with images where none were asked for it is more."""
        images = record["images"]
        if self.request.images and (images is None or images["later"]):
            return False
        # By name and size first: to read the largest category takes a minute.
        made_of = record["inputs"]
        if [(facts["file"], facts["bytes"]) for facts in made_of] != [(one.name, one.stat().st_size) for one in raw]:
            return False
        return all(facts["sha256"] == _sha256(path) for facts, path in zip(made_of, raw, strict=True))

    def _find_raw(self) -> tuple[Path, Path]:
        folder = self.request.raw or self.request.data / "amazon2023" / "raw"
        if self.request.raw is None:
            download_raw(self.category, folder, self.web, self.request.tell)
        paths = []
        for stem in (self.category, f"meta_{self.category}"):
            names = [f"{stem}.jsonl.gz", f"{stem}.jsonl"]
            path = next((folder / name for name in names if (folder / name).is_file()), None)
            if path is None:
                raise DatasetError(f"{folder}: has neither {names[0]} nor {names[1]}")
            paths.append(path)
        return paths[0], paths[1]

    def _choose(
        self, raw: tuple[Path, Path], reviews: Reviews, faults: Faults, digest: Digest
    ) -> tuple[Reviews, dict[str, Product]]:
        """The reviews of the core of known items, and their products, by id; `digest` is that of the products' file."""
        # Whatever metadata will say, the core lies within this one: only its products are held.
        widest = k_core(reviews.users, reviews.items, self.core)
        ids = reviews.item_ids.to_list()
        wanted = {ids[code] for code in np.unique(reviews.items[widest])}
        metadata = read_metadata(raw[1], set(ids), wanted, faults, self.request.tell, digest)
        unknown = _mask(ids, metadata.known, invert=True)[reviews.items]
        examples = ", ".join(sorted({ids[code] for code in reviews.items[unknown][:1000]})[:3])
        faults.add_many(raw[0], UNKNOWN, int(unknown.sum()), examples)
        faults.check()
        admitted = self._admitted(ids, metadata)[reviews.items]
        chosen = reviews.where(~unknown & admitted)
        mask = k_core(chosen.users, chosen.items, self.core)
        if not mask.any():
            raise DatasetError(f"{raw[0]}: nothing is left of {len(chosen):,} reviews in the {self.core}-core")
        self.rows += [
            ("reviews read", len(reviews) + reviews.bad + reviews.repeated),
            ("bad lines", reviews.bad),
            ("earlier reviews of the same user and item", reviews.repeated),
            ("of items without metadata", int(unknown.sum())),
            (f"of items that lack content (policy {self.lacking})", int((~unknown & ~admitted).sum())),
            (f"outside the {self.core}-core", int((~mask).sum())),
        ]
        self.notes += [f"left out: {what}: {count:,}" for what, count in faults.rows()]
        if metadata.repeated:
            self.notes.append(f"{metadata.repeated:,} repeated lines of metadata about an item")
        return chosen.where(mask), metadata.products

    def _admitted(self, ids: list[str], metadata: Metadata) -> NDArray[np.bool_]:
        """Of all items, those that have what the policy demands."""
        admitted = np.ones(len(ids), dtype=bool)
        for what, having in (("image", metadata.with_image), ("text", metadata.with_text)):
            if what in LACKING[self.lacking]:
                admitted &= _mask(ids, having)
        return admitted

    def _images(self, reviews: Reviews, products: Mapping[str, Product]) -> Fetched:
        ids = reviews.item_ids.to_list()
        items = [ids[code] for code in np.unique(reviews.items)]
        urls = dict.fromkeys(products[item].image_url for item in items if products[item].image_url)
        return fetch_images(list(urls), self._store(), self.web, self.request.tell)

    def _store(self) -> Path:
        return self.request.data / "amazon2023" / "images" / self.category

    def _with_images(
        self, reviews: Reviews, products: Mapping[str, Product], fetched: Fetched
    ) -> tuple[Reviews, dict[str, Product]]:
        """The core of the items whose image could be had."""
        ids = reviews.item_ids.to_list()
        having = {item for item, product in products.items() if product.image_url in fetched.images}
        admitted = _mask(ids, having)[reviews.items]
        chosen = reviews.where(admitted)
        mask = k_core(chosen.users, chosen.items, self.core)
        if not mask.any():
            raise DatasetError(f"{self.name}: nothing is left of {len(reviews):,} reviews, for want of images")
        self.rows.append(("of items whose image could not be downloaded", int((~admitted).sum())))
        self.rows.append((f"outside the {self.core}-core without these", int((~mask).sum())))
        return chosen.where(mask), dict(products)

    def _kept(self, reviews: Reviews, products: Mapping[str, Product], fetched: Fetched | None) -> None:
        ids = reviews.item_ids.to_list()
        kept = [products[ids[code]] for code in np.unique(reviews.items)]
        pictured = sum(bool(product.image_url) for product in kept)
        self.rows.append(("kept", len(reviews)))
        self.notes.append(
            f"{len(np.unique(reviews.users)):,} users and {len(kept):,} items, of which "
            f"{sum(not (product.title or product.description) for product in kept):,} have no text and "
            f"{len(kept) - pictured:,} no image"
        )
        if fetched is None:
            self.notes.append("images were not fetched; --images fetches them")
            return
        missing = ", ".join(f"{reason}: {count:,}" for reason, count in fetched.missing().items())
        self.notes.append(
            f"images: {len(fetched.images):,} available, {fetched.new:,} of them downloaded now; "
            + (f"missing: {missing}" if missing else "none missing")
        )
        if fetched.later:
            self.notes.append(f"run the same command to try {len(fetched.later):,} missing images again")

    def _write(
        self,
        reviews: Reviews,
        products: Mapping[str, Product],
        fetched: Fetched | None,
        inputs: Sequence[Mapping[str, object]],
    ) -> None:
        """Write the folder beside its place, and put it there."""
        prefix = f".{self.folder.name}."
        for left in self.folder.parent.glob(f"{prefix}*"):  # of a run that was killed: the lock is ours
            shutil.rmtree(left, ignore_errors=True)
        draft = make_draft(self.folder.parent, prefix)
        try:
            self._write_files(draft, reviews, products, fetched)
            record = {
                "version": VERSION,
                "dataset": self.name,
                "core": self.core,
                "lacking": self.lacking,
                "inputs": inputs,
                "images": None if fetched is None else {"there": len(fetched.images), "later": len(fetched.later)},
                "rows": self.rows,
                "notes": self.notes,
            }
            (draft / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            if self.folder.exists():
                old = make_draft(self.folder.parent, prefix)
                self.folder.replace(old / self.folder.name)
                draft.replace(self.folder)
                shutil.rmtree(old, ignore_errors=True)
            else:
                draft.replace(self.folder)
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _write_files(
        self, folder: Path, reviews: Reviews, products: Mapping[str, Product], fetched: Fetched | None
    ) -> None:
        """Write a folder dataset; items are in the order of their ids, interactions of user and item."""
        import polars as pl

        ids = reviews.item_ids.to_list()
        items = [ids[code] for code in np.unique(reviews.items)]
        images = {} if fetched is None else fetched.images
        carried: set[str] = set()
        with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
            for item in items:
                line = _line(item, products[item], images)
                carried |= line.keys()
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        table = pl.DataFrame(
            {
                "user_id": reviews.user_ids.gather(reviews.users),
                "item_id": reviews.item_ids.gather(reviews.items),
                "rating": reviews.ratings,
                "timestamp": reviews.times / 1000.0,
            }
        )
        path = folder / "interactions.parquet"
        with path.open("wb") as parquet, as_os_error(path):  # polars opens no path that is not UTF-8
            table.write_parquet(parquet)
        if fetched is not None:
            used = {products[item].image_url for item in items}
            link_images({url: image for url, image in images.items() if url in used}, self._store(), folder / "images")
        (folder / "dataset.toml").write_text("\n".join(self._manifest(carried)) + "\n", encoding="utf-8")

    def _manifest(self, carried: set[str]) -> Iterator[str]:
        yield f'name = "{self.name}"'
        yield f"relevance = {RELEVANCE}"
        yield f'split = "{SPLIT}"'
        modalities = [
            modality
            for modality, fields in (
                ("visual", {"image"}),
                ("textual", {"title", "description"}),
                ("attributes", {"categories"}),
            )
            if carried & fields
        ]
        yield f"modalities = {json.dumps(modalities)}"
        if "categories" in carried:
            yield 'category = "categories"'
        if self.category in DOMAINS:
            yield f'domain = "{DOMAINS[self.category]}"'

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder.parent / f".{self.category}.lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(f"{self.folder}: another process is preparing {self.category} at this moment") from None
        except OSError as error:
            raise StoreError(f"{self.folder.parent}: cannot be used: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()


def _line(item: str, product: Product, images: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {"item_id": item}
    if product.title:
        line["title"] = product.title
    if product.description:
        line["description"] = product.description
    if product.categories:
        line["categories"] = list(product.categories)
    if product.image_url in images:
        line["image"] = f"images/{images[product.image_url].file}"
    return line


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mask(ids: Sequence[str], among: set[str], *, invert: bool = False) -> NDArray[np.bool_]:
    return np.fromiter(((one in among) is not invert for one in ids), dtype=bool, count=len(ids))
