"""Raw files in the shape of Amazon Reviews 2023, of any size: `python -m tests.benchmarks.amazon_files DIR 5000000`.

Long tails of users and items, repeated pairs, empty lists, and lines as long as real ones.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np

CATEGORY = "Baby_Products"
ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)


def write_raw(folder, n_reviews, n_items, category=CATEGORY, seed=0, at_once=50_000, corrupt_every=0):
    """Write reviews and metadata, gzipped; users are a fifth as many as reviews.

    With `corrupt_every`, one line in so many is cut off.
    """
    random = np.random.default_rng(seed)
    at_once = min(at_once, corrupt_every or at_once)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    n_users = max(n_reviews // 5, 10)
    user_ids, asins = _ids(random, n_users, "A", 27), _ids(random, n_items, "B", 9)
    weights = [1 / np.arange(10, n + 10) ** power for n, power in ((n_users, 0.6), (n_items, 0.8))]
    tables = [np.cumsum(weight / weight.sum()) for weight in weights]
    words = random.choice(_ids(random, 4000, "w", 6), 200_000).tolist()
    with gzip.open(folder / f"{category}.jsonl.gz", "wb", compresslevel=1) as file:
        for start in range(0, n_reviews, at_once):
            n = min(at_once, n_reviews - start)
            users, items = (np.minimum(np.searchsorted(t, random.random(n)), len(t) - 1) for t in tables)
            lengths, begins = random.geometric(1 / 35, n), random.integers(0, 190_000, n)
            times, ratings = random.integers(1.3e12, 1.69e12, n), random.integers(1, 6, n)
            if corrupt_every:
                file.write(b'{"rating": 5.0, "tit\n')
            file.write("".join(
                f'{{"rating": {rating}.0, "title": "{words[begin]}", "text": "'
                f'{" ".join(words[begin:begin + length])}", "images": [], "asin": "{asins[item]}", '
                f'"parent_asin": "{asins[item]}", "user_id": "{user_ids[user]}", "timestamp": {time}, '
                '"helpful_vote": 0, "verified_purchase": true}\n'
                for user, item, length, begin, time, rating in zip(
                    *(a.tolist() for a in (users, items, lengths, begins, times, ratings)), strict=True
                )
            ).encode())  # fmt: skip
    with gzip.open(folder / f"meta_{category}.jsonl.gz", "wt", compresslevel=1) as file:
        for item, begin in zip(range(n_items), random.integers(0, 190_000, n_items).tolist(), strict=True):
            file.write(json.dumps(_product(asins[item], item, begin, words)) + "\n")
    return folder


def _ids(random, n, first, length):
    letters = ALPHABET[random.integers(0, len(ALPHABET), (n, length))]
    return np.array([first + row.tobytes().decode() for row in letters])


def _product(asin, item, begin, words):
    def text(n, at=0):
        return " ".join(words[begin + at : begin + at + n])

    images = [
        {
            "thumb": f"https://m.media-amazon.com/images/I/{asin}{k}._SS40_.jpg",
            "large": f"https://m.media-amazon.com/images/I/{asin}{k}.jpg",
            "variant": "MAIN" if k == 0 else f"PT0{k}",
            "hi_res": None if k % 2 else f"https://m.media-amazon.com/images/I/{asin}{k}._SL1500_.jpg",
        }
        for k in range(item % 7)
    ]
    return {
        "main_category": "Baby", "title": text(12), "average_rating": 4.5, "rating_number": 100,
        "features": [text(20, k) for k in range(item % 6)],
        "description": [text(80, k) for k in range(item % 3)],
        "price": None, "images": images, "videos": [], "store": words[begin],
        "categories": ["Baby Products", *(words[(item + k) % 40] for k in range(item % 4))],
        "details": {"Brand": words[begin], "Weight": "1 pounds"}, "parent_asin": asin, "bought_together": None,
    }  # fmt: skip


if __name__ == "__main__":
    write_raw(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
