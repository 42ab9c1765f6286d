"""Folders as other programs write them, made from one small dataset whose users like items for their group."""

import numpy as np

N_USERS, N_ITEMS, PER_USER, N_GROUPS = 150, 48, 12, 4


def interactions(seed=0):
    """Users, items, ratings, times and parts (0, 1, 2), int64 each, of users who mostly have items of one group."""
    random = np.random.default_rng(seed)
    groups = np.arange(N_ITEMS) % N_GROUPS
    users, items, parts = [], [], []
    for user in range(N_USERS):
        weight = np.where(groups == user % N_GROUPS, 30.0, 1.0)
        users += [user] * PER_USER
        items += list(random.choice(N_ITEMS, PER_USER, replace=False, p=weight / weight.sum()))
        parts += [0] * (PER_USER - 4) + [1, 1, 2, 2]
    users, items, parts = (np.array(column) for column in (users, items, parts))
    return users, items, items % 5 + 1, 1_000 * users + items, parts


def vectors(d, seed=0, dtype=np.float32):
    """A matrix (N_ITEMS, d) that tells an item's group."""
    random = np.random.default_rng([seed, d])
    means = 3 * random.standard_normal((N_GROUPS, d))
    return (means[np.arange(N_ITEMS) % N_GROUPS] + random.standard_normal((N_ITEMS, d))).astype(dtype)


def table(columns, header, separator="\t"):
    lines = [separator.join(header)] if header else []
    lines += [separator.join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join(lines) + "\n"


def write_mmrec(folder, mapped=True, features=True):
    folder.mkdir(parents=True)
    header = ["userID", "itemID", "rating", "timestamp", "x_label"]
    (folder / f"{folder.name}.inter").write_text(table(interactions(), header))
    if features:
        np.save(folder / "image_feat.npy", vectors(6, dtype=np.float64))
        np.save(folder / "text_feat.npy", vectors(4))
    if mapped:
        (folder / "i_id_mapping.csv").write_text("asin\titemID\n" + "".join(f"B{i:03}\t{i}\n" for i in range(N_ITEMS)))
        (folder / "u_id_mapping.csv").write_text("user_id\tuserID\n" + "".join(f"A{u}\t{u}\n" for u in range(N_USERS)))
    return folder


def write_recbole(folder, split=True, described=True):
    folder.mkdir(parents=True)
    *columns, parts = interactions()
    columns[1] = np.array([f"i{i}" for i in columns[1]])
    header = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
    for label, name in enumerate(("train", "valid", "test") if split else ()):
        part = [column[parts == label] for column in columns]
        (folder / f"{folder.name}.{name}.inter").write_text(table(part, header))
    if not split:
        (folder / f"{folder.name}.inter").write_text(table(columns, header))
    if described:
        rows = [(f"i{i}", f"thing {i}", f"group{i % 4} common", f"p{i}", i % 2, 0.5) for i in range(N_ITEMS - 1)]
        header = [
            "item_id:token",
            "movie_title:token_seq",
            "class:token_seq",
            "page:token",
            "year:token",
            "price:float",
        ]
        (folder / f"{folder.name}.item").write_text(table(zip(*rows, strict=True), header))
    return folder


def write_elliot(folder, split=True):
    folder.mkdir(parents=True)
    *columns, parts = interactions()
    for label, name in enumerate(("train", "validation", "test") if split else ()):
        (folder / f"{name}.tsv").write_text(table([column[parts == label] for column in columns], None))
    if not split:
        (folder / "dataset.tsv").write_text(table(columns, None))
    (folder / "map.tsv").write_text("".join(f"{i}\t{i % 4}\t9\n" for i in range(N_ITEMS + 1)))
    (folder / "features.tsv").write_text("0\tred\n1\tgreen\n2\tblue\n3\tblack\n")
    return folder


def write_ducho(folder, ids, missing=()):
    """What Ducho leaves of images and texts of these items: a matrix of one row each."""
    for root, model, d in (
        ("visual_embeddings", "torch/ResNet50/avgpool", 6),
        ("textual_embeddings_32", "sentence_transformers/all-mpnet-base-v2/1", 4),
    ):
        place = folder / root / model
        place.mkdir(parents=True)
        for item_id, vector in zip(ids, vectors(d), strict=True):
            if item_id not in missing:
                np.save(place / f"{item_id}.npy", vector[None])
    return folder


def write_microlens(folder, release="MicroLens-50k", named=True):
    """As their download has it: the smaller release's titles name their columns, the larger one's do not."""
    from PIL import Image

    folder.mkdir(parents=True)
    users, items, _, times, _ = interactions()
    (folder / f"{release}_pairs.csv").write_text(table([users, items, times], ["user", "item", "timestamp"], ","))
    watched = {user: " ".join(str(item) for item in items[users == user]) for user in range(N_USERS)}
    (folder / f"{release}_pairs.tsv").write_text("".join(f"{user}\t{these}\n" for user, these in watched.items()))
    lines = [f'{item},"What {item} says, and ""more"""' for item in range(N_ITEMS)]
    titles = "titles" if named else "title_en"
    (folder / f"{release}_{titles}.csv").write_text("\n".join([*(["item,title"] if named else []), *lines]) + "\n")
    (folder / f"{release}_covers").mkdir()
    for item in range(1, N_ITEMS):
        Image.new("RGB", (24, 18), (5 * item, 0, 0)).save(folder / f"{release}_covers" / f"{item}.jpg")
    (folder / f"{release}_likes_and_views.txt").write_text("0\t3\t9\n")
    return folder


def write_cornac(folder):
    folder.mkdir(parents=True)
    users, items, ratings, *_ = interactions()
    (folder / "rating.txt").write_text(table([users, [f"i{i}" for i in items], ratings], None))
    order = [f"i{i}" for i in reversed(range(N_ITEMS))]
    (folder / "item_ids.txt").write_text("\n".join(order) + "\n")
    np.save(folder / "image_features.npy", vectors(6)[::-1])
    (folder / "text.txt").write_text("".join(f"i{i}::words of {i} :: and more\n" for i in range(N_ITEMS)))
    return folder
