"""A class of MMRec's interface in the place of a RecBole model: batches, epochs and scores are handed on.

Ids from 1 become ids from 0; the padding item scores 0 and is never ranked. Sampling, optimiser, stopping and ranking
are those of every recommender here, MMRec's rules among them: negatives from the items of train, `clip_grad_norm`, the
factor of the learning rate by epoch, validation recall@20. The best epoch is put back at the end, with all that the
class keeps beside its weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.model.abstract_recommender import GeneralRecommender
    from recbole.utils import InputType

from recclaims.errors import NotAvailableError
from recclaims.interop.foreign.asking import Question
from recclaims.interop.foreign.instance import Instance, Wanted
from recclaims.interop.foreign.reading import IMAGE, TEXT, Pairs
from recclaims.interop.foreign.source import Source
from recclaims.interop.foreign.state import kept_beside, put_back
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders._recbole.sampling import history

if TYPE_CHECKING:
    from recclaims.interop.foreign.recommender import MMRecRecommender

#: Users that a class scores at once, as MMRec's default: some compute all embeddings anew for every batch.
AT_ONCE = 4096


class MMRecModel(GeneralRecommender):  # type: ignore[misc]
    """Trains and scores an object of the class of `recommender`.

    Attributes:
        recommender: whose class; set by the subclass that the recommender makes of this one.
        inner: the object.

    Raises:
        CellError: the class failed, or never reads its features.
        NotAvailableError: it needs a package, a GPU, or both modalities.
    """

    input_type = InputType.PAIRWISE
    fresh_scores = True
    recommender: ClassVar[MMRecRecommender]

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.in_epoch = False
        source = self.recommender.source
        assert source is not None  # noqa: S101 - as open_recommender makes it
        if not source.file.is_file():
            raise NotAvailableError(
                f"{source.file.name} is not where it was named; a worker reads it from the same path"
            )
        settings = {name: config[name] for name in self.recommender.parameters}
        settings["learning_rate_scheduler"] = config["learning_rate_decay"]
        settings |= {name: config[name] for name in ("epochs", "train_batch_size", "learning_rate", "weight_decay")}
        settings |= {name: config[name] for name in self.recommender.switch}
        self.negatives = settings.get("use_neg_sampling", True) is not False
        users, items = (column - 1 for column in history(dataset))
        again = Source.of(source.file, source.name, (), str(source.file))
        sizes = self.n_users - 1, self.n_items - 1
        place = torch.device(config["device"])
        self.wanted = Wanted(source, again, settings, users, items, *sizes, config["seed"], place)
        self.trained_on = torch.from_numpy(np.unique(users))
        self.scored: tuple[torch.Tensor, torch.Tensor] | None = None
        features = by_file({name: matrix[1:].cpu().numpy() for name, matrix in dataset.content})
        trains = settings.get("req_training", True) is not False
        asked = Question(
            source.name,
            (source.digest, source.name, str(sorted(settings.items()))),
            Pairs(users, items, self.n_items - 1, config["seed"], place, trains, self.negatives),
            lambda given: Instance(self.wanted, given),
            self.recommender.switch,
        )
        self.instance = asked.twin() if self.recommender.content and not features else asked.made(features)
        self.inner = self.instance.module
        if self.recommender.training_free:  # nobody begins an epoch or ends it
            self.train()
            self.eval()

    def train(self, mode: bool = True) -> MMRecModel:
        """Switch mode: entering training begins an epoch, and what comes next ends it."""
        if self.in_epoch:
            self.in_epoch = False
            self.instance.end_epoch()
        self.scored = None
        if mode:
            self.instance.begin_epoch()
            self.in_epoch = True
        super().train(mode)
        return self

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item); zero where nothing is trained."""
        if self.recommender.training_free:
            return torch.zeros(())
        columns = triples(interaction)
        return self.instance.loss(torch.stack(columns if self.negatives else columns[:2]) - 1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Scores of all items, padding included, flattened: float32 (b * (n_items + 1),)."""
        users = interaction[self.USER_ID] - 1
        if self.scored is None or not torch.isin(users, self.scored[0]).all():
            # Those who are asked for next come with them.
            start = int(torch.searchsorted(self.trained_on, users.min().cpu()))
            next_ones = self.trained_on[start : start + AT_ONCE].to(users.device)
            all_users = torch.unique(torch.cat([next_ones, users]))
            self.scored = all_users, self.instance.scores(all_users).float()
        known, scores = self.scored
        mine = scores[torch.searchsorted(known, users)]
        return torch.cat([mine.new_zeros(len(mine), 1), mine], dim=1).view(-1)

    def other_parameter(self) -> dict[str, dict[str, Any]]:
        """What the class keeps beside its weights: graphs and embeddings that an epoch has left."""
        return kept_beside(self.inner)

    def load_other_parameter(self, para: Any) -> None:
        """Put that back."""
        self.scored = None
        put_back(self.inner, para or {})


def by_file(content: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Features by the file that MMRec reads them from: images as such, all else as texts, several side by side."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for modality, matrix in content.items():
        found.setdefault(IMAGE if modality.startswith("visual") else TEXT, []).append(matrix)
    return {name: np.ascontiguousarray(np.concatenate(parts, axis=1)) for name, parts in found.items()}
