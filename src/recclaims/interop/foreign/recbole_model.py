"""A class written for RecBole as it is, given features by RecBole's own ways.

    dataset.get_preload_weight(FIELD)          float32 (n_items + 1, d), row 0 for the padding item
    dataset.item_feat[FIELD], get_item_feature()[FIELD]                            the same as a tensor

A FIELD with `image` or `vis` in its name is the image features, one with `text` the texts (and all that are no images);
any other is all of them side by side. Item features go by `image_feat`, `text_feat` and `features`. A class that
extends recclaims.ContentRecommender finds them where that one does.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.errors import CellError
from recclaims.interop.foreign.asking import Question
from recclaims.interop.foreign.mmrec_model import by_file
from recclaims.interop.foreign.reading import IMAGE, TEXT, Features, Pairs, randomness_kept
from recclaims.interop.foreign.surroundings import explained, quiet_in
from recclaims.recommenders._recbole.bridge import ITEM, NEGATIVE, USER, BridgeConfig, TrainDataset, interaction_of, pad
from recclaims.recommenders._recbole.own_models import check_model, labelled, scores_all, scores_by_pairs
from recclaims.recommenders._recbole.sampling import history
from recclaims.recommenders.spec import TRAINING

if TYPE_CHECKING:
    from recclaims.interop.foreign.modules import ModuleRecommender


class ReadConfig(BridgeConfig):
    """A configuration that remembers what was read, and what of it nobody has set."""

    @classmethod
    def of(cls, config: BridgeConfig) -> ReadConfig:
        """The same, with nothing read yet."""
        found: Any = copy.copy(config)
        found.__class__ = cls
        found.__dict__.update(was_read=set(), absent=set())
        made: ReadConfig = found
        return made

    def __getitem__(self, item: str) -> Any:
        value = super().__getitem__(item)
        vars(self)["was_read"].add(item)
        if value is None and item not in self.final_config_dict:
            vars(self)["absent"].add(item)
        return value


class Preloaded(Mapping[str, NDArray[np.float32]]):
    """Features by whatever field a class asks for."""

    def __init__(self, features: Features) -> None:
        self._features = {name: pad(matrix).numpy() for name, matrix in features.items()}

    def __getitem__(self, field: str) -> NDArray[np.float32]:
        word = field.lower()
        for file, signs in ((IMAGE, ("image", "vis")), (TEXT, ("text",))):
            if any(sign in word for sign in signs):
                if file not in self._features:
                    raise ValueError(f"there are no {'image' if file == IMAGE else 'text'} features for field {field}")
                return self._features[file]
        if not self._features:
            raise ValueError(f"there are no features for field {field}")
        return np.concatenate(list(self._features.values()), axis=1)

    def __iter__(self) -> Iterator[str]:
        named = {"image_feat": IMAGE, "text_feat": TEXT}
        yield from (field for field, file in named.items() if file in self._features)
        if self._features:
            yield "features"

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, field: object) -> bool:
        return isinstance(field, str)


def equipped(dataset: TrainDataset, features: Features) -> TrainDataset:
    """The dataset with features where RecBole has them; what it had stays as it was."""
    found = copy.copy(dataset)
    preloaded = Preloaded(features)
    found._preloaded_weight = preloaded
    names = {IMAGE: "visual", TEXT: "textual"}
    found.content = tuple((names[file], pad(matrix)) for file, matrix in features.items())
    if len(preloaded):
        columns = {field: torch.from_numpy(preloaded[field]) for field in preloaded}
        found.item_feat = interaction_of({ITEM: torch.arange(dataset.item_num), **columns})
    return found


class _Object:
    """An object of the class, to be asked."""

    def __init__(self, model: Any, pairs: Pairs) -> None:
        self.module, self._pairs = model, pairs

    def begin_epoch(self) -> None:
        """There is nothing to do: it is told by train()."""

    def end_epoch(self) -> None:
        """There is nothing to do."""

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """See reading.Object."""
        columns = dict(zip((USER, ITEM, NEGATIVE), (batch + 1).unbind(0), strict=True))
        losses: Any = self.module.calculate_loss(labelled(interaction_of(columns), self.module).to(batch.device))
        total: Any = sum(losses) if isinstance(losses, tuple) else losses
        loss: torch.Tensor = total
        return loss

    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """See reading.Object."""
        if scores_all(self.module):
            found: torch.Tensor = self.module.full_sort_predict(interaction_of({USER: users + 1}).to(users.device))
            return found.view(len(users), -1)[:, 1:]
        by_pairs = scores_by_pairs(self.module, self._pairs.n_items, str(users.device))
        return by_pairs((users + 1).cpu().numpy())[:, 1:]


def model_of(recommender: ModuleRecommender) -> type:
    """The class, made to be given features and asked before it is trained whether it reads them."""
    device = torch.device("cpu")
    file = recommender.known.file
    with explained(file, lambda: (), device, ""):
        found = recommender.imported()

    class Model(found):  # type: ignore[misc, valid-type]
        def __init__(self, config: BridgeConfig, dataset: TrainDataset) -> None:
            check_model(found)
            self.__dict__["folder"] = Path(tempfile.mkdtemp(prefix="recclaims-"))
            weakref.finalize(self, shutil.rmtree, self.__dict__["folder"], ignore_errors=True)
            read = ReadConfig.of(config)
            self.__dict__["config_of_class"] = read
            features = by_file({name: matrix[1:].cpu().numpy() for name, matrix in dataset.content})
            users, items = (column - 1 for column in history(dataset))
            settings = {name: config[name] for name in (*recommender.given, *recommender.switch)}
            pairs = Pairs(users, items, dataset.item_num - 1, config["seed"], config["device"], True, True)

            def make(given: Features) -> _Object:
                with self.in_folder():
                    made = found(read, equipped(dataset, given)).to(config["device"])
                return _Object(made, pairs)

            known_as = (recommender.known.digest, recommender.model_path, str(sorted(settings.items())))
            asked = Question(recommender.known.name, known_as, pairs, make, recommender.switch)
            with randomness_kept():
                if features:
                    asked.made(features)
                else:
                    asked.twin()
                    features = {name: np.ones((pairs.n_items, 1), np.float32) for name in (IMAGE, TEXT)}
            with self.in_folder():
                super().__init__(read, equipped(dataset, features))
            known = {*TRAINING, *vars(read)["was_read"]}
            for key in recommender.given:
                if key not in known:
                    raise CellError(f"{recommender.known.name} never reads the setting {key}; leave it out of ?{key}=")

        @contextmanager
        def in_folder(self) -> Iterator[None]:
            """The class's own surroundings."""
            absent = vars(self.__dict__["config_of_class"])["absent"]
            with explained(file, lambda: absent, device, "?KEY=VALUE"), quiet_in(self.__dict__["folder"]):
                yield

        def calculate_loss(self, interaction: Any) -> torch.Tensor:
            """The loss of one batch."""
            with self.in_folder():
                losses = super().calculate_loss(interaction)
                total: Any = sum(losses) if isinstance(losses, tuple) else losses
                loss: torch.Tensor = total
                return loss

    Model.__name__ = Model.__qualname__ = found.__name__
    return Model
