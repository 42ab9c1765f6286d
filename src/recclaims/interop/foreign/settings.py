"""What an MMRec class is configured with: its clone's own files, a file of yours, and `?key=value`.

MMRec's keys are read in MMRec's order: configs/overall.yaml, configs/model/CLASS.yaml. A key of `hyper_parameters` has
a list of values there, a grid; of one that is not searched, the middle value counts, the lower of two. (MMRec tries all
and keeps the best test value.)

Who has the last word, from the weakest:
    1. the clone's files
    2. the profile: epochs and stopping, and what overall.yaml alone says of the schedule, which the profile's budget
       replaces as it does for every recommender
    3. what the class's own file says of the schedule (`learning_rate`, `train_batch_size`, ...), unless it is a grid;
       the size of its embeddings; `config=FILE`; `?key=value`
    4. --claims-hyperparameters
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.errors import RecclaimsError, UnknownNameError

if TYPE_CHECKING:
    from recclaims.interop.foreign.source import Source

#: By MMRec's name, what recclaims calls it.
RENAMED = {"learning_rate_scheduler": "learning_rate_decay"}
#: Somebody's class is scored in one of its states: it may keep more than weights for scoring, which has no mean.
ONE_STATE = {"average_best": 1}
#: The schedule of training, but for its length, by recclaims's names.
SCHEDULE = ("learning_rate", "learning_rate_decay", "weight_decay", "learner", "clip_grad_norm", "train_batch_size")
LENGTH = ("epochs", "stopping_step", "eval_step")
#: Which kind of batches a class wants.
BATCHES = ("use_neg_sampling", "use_full_sampling", "use_neighborhood_loss", "req_training", "is_multimodal_model")
#: What belongs to a run of MMRec and not to a class: recclaims says it, or nobody reads it.
_RUN = """
    seed hyper_parameters model dataset data_path device use_gpu gpu_id checkpoint_dir save_recommended_topk
    recommend_topk metrics topk valid_metric valid_metric_bigger eval_batch_size eval_type inter_splitting_label
    filter_out_cod_start_users inter_file_name vision_feature_file text_feature_file field_separator USER_ID_FIELD
    ITEM_ID_FIELD TIME_FIELD NEG_PREFIX training_neg_sample_num end2end
"""
OF_A_RUN = frozenset(_RUN.split())


@dataclass(frozen=True)
class Declared:
    """What a class is configured with.

    Attributes:
        parameters: all of it, by name.
        fixed: those that no profile changes.
    """

    parameters: Mapping[str, Any]
    fixed: Mapping[str, Any]


def declared(source: Source, file: Path | None, given: Mapping[str, str], where: str) -> Declared:
    """Read what a class is configured with.

    Args:
        source: the class.
        file: a YAML file of yours.
        given: keys and texts that a reference gives.
        where: the reference, for messages.

    Raises:
        UnknownNameError: `given` has a key that neither the class nor recclaims reads.
        RecclaimsError: a file is no table of keys, or the class wants batches that are not drawn here.
    """
    overall = _table(source.root / "configs" / "overall.yaml", where)
    model = _of_class(source, where)
    own = {} if file is None else _table(file, where, needed=True)
    written = {key: value_of(text) for key, text in given.items()}
    known = {*source.keys, *SCHEDULE, *LENGTH, *BATCHES, *RENAMED, *model, *own, "embedding_size"} - OF_A_RUN
    for key in written:
        if key not in known and not (source.reads_others and key not in OF_A_RUN):
            raise UnknownNameError.of("key", key, known, where)
    grids = {
        key
        for table in (overall, model, own)
        for key in table.get("hyper_parameters") or ()
        if isinstance(table.get(key), list)
    }
    overall = {key: value for key, value in overall.items() if key in known or source.reads_others}
    tables = [_renamed(table, grids) for table in (overall, model, own)] + [_renamed(written, set())]
    parameters = {"embedding_size": 64, **{key: value for table in tables for key, value in table.items()}}
    for kind in ("use_full_sampling", "use_neighborhood_loss"):
        if parameters.get(kind):
            raise RecclaimsError(f"{where}: its {kind} is not supported; batches here are pairs of a user and an item")
    of_class = {key: value for key, value in tables[1].items() if key in SCHEDULE and key not in grids}
    fixed = {"embedding_size": parameters["embedding_size"], **ONE_STATE, **of_class, **tables[2], **tables[3]}
    return Declared(parameters, fixed)


def _renamed(table: Mapping[str, Any], grids: Collection[str]) -> dict[str, Any]:
    return {
        RENAMED.get(key, key): _middle(value) if key in grids and isinstance(value, list) else value
        for key, value in table.items()
        if key not in OF_A_RUN
    }


def _middle(values: list[Any]) -> Any:
    return values[(len(values) - 1) // 2] if values else None


def _of_class(source: Source, where: str) -> dict[str, Any]:
    """The table of the clone's file for this class, whose name may be written in other letters."""
    folder = source.root / "configs" / "model"
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return next((_table(file, where) for file in files if file.stem.lower() == source.name.lower()), {})


def _table(file: Path, where: str, needed: bool = False) -> dict[str, Any]:
    import yaml

    if not needed and not file.is_file():
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            why = f"line {error.problem_mark.line + 1}: {error.problem}"
        raise RecclaimsError(f"{where}: {file} cannot be read: {why}") from None
    if not isinstance(found, dict):
        raise RecclaimsError(f"{where}: {file} is not a table of settings; write lines such as `n_layers: 2`")
    return {str(key): _number(value) for key, value in found.items()}


def _number(value: Any) -> Any:
    """A value whose texts are numbers where they can be: YAML 1.1 takes 1e-4 for a text, MMRec does not."""
    if isinstance(value, list):
        return [_number(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _number(one) for key, one in value.items()}
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            number = float(value)
            return number if math.isfinite(number) else value
    return value


def value_of(text: str) -> Any:
    """What a text of a reference stands for: a number, true, false, null, a list, or itself."""
    import yaml

    try:
        return _number(yaml.safe_load(text))
    except yaml.YAMLError:
        return text
