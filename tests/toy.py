"""A small folder dataset whose users like items for their attribute: content helps here, for certain."""

import json

import numpy as np

N_USERS, N_ITEMS, PER_USER = 150, 48, 12
COLOURS = ("red", "green", "blue", "black")


def write_toy(folder, name="toy", seed=0, **manifest):
    """Write dataset.toml, items.jsonl and interactions.csv; every user mostly has items of one colour."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"name = {json.dumps(name)}",
        *(f"{key} = {json.dumps(value)}" for key, value in manifest.items()),
    ]
    (folder / "dataset.toml").write_text("\n".join(lines) + "\n")
    colours = np.arange(N_ITEMS) % len(COLOURS)
    with (folder / "items.jsonl").open("w") as file:
        for item, colour in enumerate(colours):
            record = {"item_id": f"i{item}", "title": f"{COLOURS[colour]} thing", "colour": [COLOURS[colour]]}
            file.write(json.dumps(record) + "\n")
    rows = ["user_id,item_id,rating,timestamp"]
    for user in range(N_USERS):
        weight = np.where(colours == user % len(COLOURS), 30.0, 1.0)
        chosen = random.choice(N_ITEMS, PER_USER, replace=False, p=weight / weight.sum())
        rows += [f"u{user},i{item},{item % 5 + 1},{1_000 * user + item}" for item in sorted(chosen)]
    (folder / "interactions.csv").write_text("\n".join(rows) + "\n")
    return folder
