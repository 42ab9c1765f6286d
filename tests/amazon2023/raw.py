"""Raw files as the dataset has them, small."""

import gzip
import json


def review(user, item, rating=5.0, time=1_600_000_000_000, **changes):
    record = {
        "rating": rating, "title": "Fine", "text": "Fits.", "images": [], "asin": f"{item}X", "parent_asin": item,
        "user_id": user, "timestamp": time, "helpful_vote": 0, "verified_purchase": True,
    }  # fmt: skip
    return {key: value for key, value in (record | changes).items() if value is not ...}


def product(item, n_images=1, **changes):
    images = [
        {"thumb": f"https://m.media-amazon.com/{item}{k}t.jpg", "large": f"https://m.media-amazon.com/{item}{k}.jpg",
         "variant": "MAIN" if k == 0 else f"PT0{k}", "hi_res": None}
        for k in range(n_images)
    ]  # fmt: skip
    record = {
        "main_category": "Baby", "title": f"Product {item}", "average_rating": 4.5, "features": ["Soft"],
        "description": ["A thing.", "It is soft."], "price": None, "images": images, "videos": [], "store": "Maker",
        "categories": ["Baby Products", "Nursery", "Bedding"], "details": {}, "parent_asin": item,
    }  # fmt: skip
    return {key: value for key, value in (record | changes).items() if value is not ...}


def lines(records):
    return "".join(f"{r}\n" if isinstance(r, str) else json.dumps(r) + "\n" for r in records).encode()


def write(path, records):
    """Records, or lines as they are; gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = records if isinstance(records, bytes) else lines(records)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def block_of(n_users=6, n_items=6):
    """Everybody has everything: their core is all of it while k is at most the smaller number."""
    return [
        review(f"U{u}", f"B{i}", rating=1 + (u + i) % 5, time=1_600_000_000_000 + 1000 * (u * n_items + i))
        for u in range(n_users)
        for i in range(n_items)
    ]


def write_category(folder, reviews=None, products=None, category="Toys", ending=".jsonl.gz"):
    write(folder / f"{category}{ending}", block_of() if reviews is None else reviews)
    write(folder / f"meta_{category}{ending}", [product(f"B{i}") for i in range(6)] if products is None else products)
    return folder
