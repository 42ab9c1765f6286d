"""RecBole 1.2.1 on today's numpy, scipy, pandas and torch, filled from memory and quiet.

Everything that had to be mended is here, each mend with its reason; nothing is imported from
`recbole.quick_start`, which starts ray. RecBole is given the train part alone, so that no recommender can
read what it will be scored on. Its internal ids are ours + 1; id 0 is padding and never ranked.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml

with warnings.catch_warnings():
    # RecBole's own files: invalid escape sequences, deprecated torch.cuda.amp and pandas calls.
    warnings.simplefilter("ignore")
    import recbole.trainer.trainer as recbole_trainer
    from recbole.config import Config
    from recbole.data.dataset import Dataset as RecBoleDataset
    from recbole.data.interaction import Interaction
    from recbole.utils import FeatureSource, FeatureType
    from scipy.sparse import dok_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger("recclaims.recbole")

USER, ITEM, NEGATIVE = "user_id", "item_id", "neg_item_id"
#: A modality and its matrix, float32 (n_items + 1, d), row 0 for the padding id.
Content = tuple[tuple[str, torch.Tensor], ...]


@contextlib.contextmanager
def quiet_recbole() -> Iterator[None]:
    """Silence what RecBole's own files are warned of: calls that torch and pandas have since deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"recbole\.")
        yield


class _NoBoard:
    """Stands for TensorBoard, which would write `log_tensorboard/` into the working directory."""

    def add_scalar(self, *_: object) -> None: ...
    def add_hparams(self, *_: object) -> None: ...


recbole_trainer.get_tensorboard = lambda _: _NoBoard()

# LightGCN and five others fill a dok_matrix through a method that scipy 1.15 removed.
if not hasattr(dok_matrix, "_update"):
    dok_matrix._update = lambda self, entries: self._dict.update(entries)  # type: ignore[attr-defined]


@functools.cache
def _defaults(file: str, loader: type) -> dict[str, Any]:
    """One of RecBole's own files of defaults."""
    text = Path(file).read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=loader) or {}  # noqa: S506 - RecBole's files, by RecBole's loader
    return found


class BridgeConfig(Config):  # type: ignore[misc]
    """A RecBole Config that reads no command line, evaluates no strings and leaves the environment alone."""

    def compatibility_settings(self) -> None:
        """Restore the numpy aliases that RecBole's models use and numpy 2 removed."""
        for alias, target in (("float", float), ("float_", np.float64), ("complex_", np.complex128)):
            if not hasattr(np, alias):
                setattr(np, alias, target)

    def _update_internal_config_dict(self, file: str) -> dict[str, Any]:
        # Read once a process: PyYAML takes as long as all the rest of a cell in which nothing is trained.
        defaults = copy.deepcopy(_defaults(file, self.yaml_loader))
        self.internal_config_dict.update(defaults)
        return defaults

    def _load_cmd_line(self) -> dict[str, Any]:
        return {}  # a pytest flag such as --seed=3 would otherwise override the cell's seed

    def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return config_dict  # the original calls eval() on every string

    def _init_device(self) -> None:
        # The original sets CUDA_VISIBLE_DEVICES for the whole process.
        self.final_config_dict.update(
            device=torch.device(self.final_config_dict["torch_device"]), single_spec=True, local_rank=0
        )


def make_config(model: type | str, parameters: Mapping[str, Any], seed: int, device: str) -> BridgeConfig:
    """Build the configuration of one cell.

    Args:
        model: a RecBole model class, or the name of one of RecBole's own.
        parameters: RecBole settings and hyper-parameters.
        seed: seed of initialisation and sampling.
        device: "cpu", "cuda" or "cuda:n".
    """
    settings = {
        "USER_ID_FIELD": USER,
        "ITEM_ID_FIELD": ITEM,
        "load_col": None,
        "seed": seed,
        "torch_device": device,
        "use_gpu": device != "cpu",
        "show_progress": False,
        "metric_decimal_place": 12,
        "valid_metric": "Recall@20",
        "topk": [20],
        # An existing place, because RecBole makes it; nothing is written there.
        "checkpoint_dir": tempfile.gettempdir(),
        **parameters,
    }
    return BridgeConfig(model=model, dataset="recclaims", config_dict=settings)


class TrainDataset(RecBoleDataset):  # type: ignore[misc]
    """The train part of a split as a RecBole dataset, filled from arrays.

    Attributes:
        content: what content recommenders read; empty for a feature-free twin.
    """

    def __init__(
        self,
        config: BridgeConfig,
        users: NDArray[np.integer[Any]],
        items: NDArray[np.integer[Any]],
        n_users: int,
        n_items: int,
        content: Content = (),
    ) -> None:
        self._columns = users, items, n_users, n_items
        self.content = content
        super().__init__(config)

    def _get_preset(self) -> None:
        super()._get_preset()
        self.benchmark_filename_list = ["train"]

    def _load_data(self, token: str, dataset_path: str) -> None:
        users, items, _, _ = self._columns
        # Batches as they are used: RecBole's way through a DataFrame relies on in-place fillna, which
        # pandas 3 ignores with a warning.
        self.inter_feat = interaction_of({USER: users.astype(np.int64) + 1, ITEM: items.astype(np.int64) + 1})
        self.file_size_list = [len(users)]
        self.user_feat = self.item_feat = None
        for field, source in ((USER, FeatureSource.USER_ID), (ITEM, FeatureSource.ITEM_ID)):
            self.field2type[field] = FeatureType.TOKEN
            self.field2source[field] = source
            self.field2seqlen[field] = 1

    def _data_processing(self) -> None:
        self.feat_name_list = self._build_feat_name_list()
        _, _, n_users, n_items = self._columns
        for field, count in ((USER, n_users), (ITEM, n_items)):
            self.field2id_token[field] = np.array(["[PAD]", *map(str, range(count))])
            self.field2token_id[field] = {token: i for i, token in enumerate(self.field2id_token[field])}


def pad(matrix: NDArray[np.float32]) -> torch.Tensor:
    """Put a zero row for the padding id before the rows of the items: (n, d) -> (n + 1, d)."""
    return torch.from_numpy(np.vstack([np.zeros((1, matrix.shape[1]), np.float32), matrix]))


def triples(interaction: Interaction) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Users, their items and their negative items of a batch, internal ids, each int64 (b,)."""
    return interaction[USER], interaction[ITEM], interaction[NEGATIVE]


def interaction_of(columns: Mapping[str, Sequence[int] | NDArray[Any] | torch.Tensor]) -> Interaction:
    """Make RecBole's batch type from columns of internal ids."""
    return Interaction({name: torch.as_tensor(column) for name, column in columns.items()})
