"""A small repository of MMRec's layout, and classes of its interface, written for these tests."""

import textwrap

import numpy as np

from recclaims.evaluation.item_lists import ItemLists
from recclaims.interop.foreign.recommender import open_recommender
from recclaims.recommenders._recbole.fit import TrainingData, fit

BASE = """
    import os

    import numpy as np
    import torch

    class GeneralRecommender(torch.nn.Module):
        def __init__(self, config, dataloader):
            super().__init__()
            self.n_users, self.n_items = dataloader.dataset.get_user_num(), dataloader.dataset.get_item_num()
            self.device = config["device"]
            self.folder = os.path.abspath(config["data_path"] + config["dataset"])
            self.v_feat = self.read(config["vision_feature_file"])
            self.t_feat = self.read(config["text_feature_file"])

        def read(self, name):
            path = os.path.join(self.folder, name)
            if not os.path.isfile(path):
                return None
            return torch.from_numpy(np.load(path, allow_pickle=True)).float().to(self.device)

        def pre_epoch_processing(self):
            pass

        def post_epoch_processing(self):
            pass
"""
LOSS = """
    import torch

    def pairwise(better, worse):
        return -torch.nn.functional.logsigmoid(better - worse).mean()
"""
#: Item factors are a projection of features beside factors of their own.
CONTENT = """
    import torch
    from torch import nn

    from common.abstract_recommender import GeneralRecommender
    from utils.losses import pairwise

    class Linear(GeneralRecommender):
        def __init__(self, config, dataloader):
            super().__init__(config, dataloader)
            size = config["embedding_size"]
            self.share = 1.0 if config["share"] is None else config["share"]
            found = [one for one in (self.t_feat, self.v_feat) if one is not None]
            self.features = torch.cat(found, dim=1)
            self.users = nn.Embedding(self.n_users, size)
            self.own = nn.Embedding(self.n_items, size)
            self.projection = nn.Linear(self.features.shape[1], size)
            for table in (self.users, self.own):
                nn.init.xavier_normal_(table.weight)

        def items(self):
            return self.own.weight + self.share * self.projection(self.features)

        def calculate_loss(self, interaction):
            user, items = self.users(interaction[0]), self.items()
            return pairwise((user * items[interaction[1]]).sum(1), (user * items[interaction[2]]).sum(1))

        def full_sort_predict(self, interaction):
            return self.users(interaction[0]) @ self.items().T
"""
OVERALL = """
    learning_rate: 1e-3
    train_batch_size: 2048
    epochs: 1000
    stopping_step: 20
    eval_step: 1
    embedding_size: 16
    learning_rate_scheduler: [1.0, 50]
    hyper_parameters: ["seed"]
    gpu_id: 0
    checkpoint_dir: saved
"""
N_USERS, N_ITEMS, N_GROUPS = 60, 40, 4


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"))
    return path


def write_clone(place, model=CONTENT, name="linear", yaml=""):
    """Write a repository with one model; return the model's file."""
    src = place / "src"
    write(src / "common" / "abstract_recommender.py", BASE)
    write(src / "utils" / "losses.py", LOSS)
    write(src / "configs" / "overall.yaml", OVERALL)
    if yaml:
        write(src / "configs" / "model" / f"{name}.yaml", yaml)
    return write(src / "models" / f"{name}.py", model)


def with_method(text, model=CONTENT):
    """The class with another method, or with one in the place of its own."""
    return textwrap.dedent(model) + textwrap.indent(textwrap.dedent(text), "    ")


def features(seed=0, width=6):
    """A matrix that tells an item's group."""
    random = np.random.default_rng([seed, width])
    means = 3 * random.standard_normal((N_GROUPS, width))
    return (means[np.arange(N_ITEMS) % N_GROUPS] + random.standard_normal((N_ITEMS, width))).astype(np.float32)


def data(**content):
    """Users who mostly have items of one group."""
    random = np.random.default_rng(0)
    groups = np.arange(N_ITEMS) % N_GROUPS
    users, items = [], []
    for user in range(N_USERS):
        weight = np.where(groups == user % N_GROUPS, 30.0, 1.0)
        users += [user] * 8
        items += list(random.choice(N_ITEMS, 8, replace=False, p=weight / weight.sum()))
    users, items = np.array(users), np.array(items)
    held = np.tile(np.arange(8) >= 6, N_USERS)
    valid = ItemLists.of(users[held], items[held], N_USERS)
    return TrainingData(users[~held], items[~held], N_USERS, N_ITEMS, valid, content)


def trained(reference, content=None, seed=0, **parameters):
    """Train what a reference names; content: of texts unless said."""
    content = {"textual": features()} if content is None else content
    quick = {"epochs": 3, "eval_step": 1, "learning_rate": 0.02, "train_batch_size": 128}
    return fit(open_recommender(reference), {**quick, **parameters}, data(**content), seed)


def scores(fitted):
    return fitted.score(np.arange(N_USERS)).detach().numpy().copy()
