"""Hyper-parameters by flavour, recommender and dataset: those of a profile, and a user's own, from a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.recommenders.spec import TRAINING, Recommender
from recclaims.runner.tuning import Search
from recclaims.toml_file import read_toml

Table = Mapping[str, Any]
_TABLES = ("training", "flavour", "recommender", "dataset", "search")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What differs from the recommenders' defaults; the more particular a table is, the later is its word.

    Attributes:
        training: settings of all recommenders that are trained.
        flavour, recommender: settings by flavour and by recommender, over those before.
        dataset: settings by a dataset's name and a recommender, over all others.
        searches: what is tuned; the first that names a recommender is its search.
        file: the name of the file that says so, without its folder; empty for a profile's.
    """

    training: Table = field(default_factory=dict)
    flavour: Mapping[str, Table] = field(default_factory=dict)
    recommender: Mapping[str, Table] = field(default_factory=dict)
    dataset: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)
    searches: tuple[Search, ...] = ()
    file: str = ""

    def of(self, recommender: Recommender, dataset: str = "") -> dict[str, Any]:
        """Hyper-parameters of one recommender on one dataset; empty where nothing is said of them."""
        return {
            **({} if recommender.training_free else self.training),
            **self.flavour.get(recommender.flavour or "", {}),
            **self.recommender.get(recommender.name, {}),
            **self.dataset.get(dataset, {}).get(recommender.name, {}),
        }

    def tables(self) -> dict[str, Any]:
        """All that is said, as results.json holds it; empty where nothing is."""
        said = {name: getattr(self, name) for name in _TABLES if name != "search"}
        said["search"] = [asdict(search) for search in self.searches]
        return {name: table for name, table in said.items() if table}

    def search(self, recommender: str) -> Search | None:
        """How a recommender is tuned; None: not at all."""
        return next((search for search in self.searches if recommender in search.recommenders), None)


def read_hyperparameters(path: Path, recommenders: Mapping[str, Recommender]) -> Hyperparameters:
    """Read a file with the tables `training`, `flavour`, `recommender`, `dataset` and `search`.

    They are written as those of a profile in suite/hyperparameters.toml, without its name in front.

    Args:
        path: the file.
        recommenders: all there are, by name.

    Raises:
        RecclaimsError: there is no such file, it is not TOML, or a value is of another type than the default.
        UnknownNameError: no table, flavour, recommender or hyper-parameter goes by a name in it.
    """
    where = f"--claims-hyperparameters {path}"
    document = read_toml(path)
    for name, table in document.items():
        if name not in _TABLES:
            raise UnknownNameError.of("table", name, _TABLES, where)
        entries = table if name == "search" else [table]
        if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
            raise RecclaimsError(f"{where}: '{name}' is no {'list of tables' if name == 'search' else 'table'}")
    everything = {key: value for r in recommenders.values() for key, value in _known(r).items()}
    _check(document.get("training", {}), everything, f"{where}: training")
    flavours = [r.flavour for r in recommenders.values() if r.flavour]
    for name, table in _named(document.get("flavour", {}), "flavour", flavours, f"{where}: flavour"):
        _check(table, everything, f"{where}: flavour.{name}")
    of_recommenders = {"recommender": document.get("recommender", {})}
    datasets = document.get("dataset", {})
    of_recommenders |= {f"dataset.{name}": table for name, table in datasets.items()}
    for place, tables in of_recommenders.items():
        for name, table in _named(tables, "recommender", recommenders, f"{where}: {place}"):
            _check(table, _known(recommenders[name]), f"{where}: {place}.{name}", recommenders[name])
    searches = tuple(Search.of(entry, f"{where}: search") for entry in document.pop("search", ()))
    for search in searches:
        for name in search.recommenders:
            if name not in recommenders:
                raise UnknownNameError.of("recommender", name, recommenders, f"{where}: search")
            _check_names(search.space, _known(recommenders[name]), f"{where}: search", recommenders[name])
    return Hyperparameters(**document, searches=searches, file=path.name)


def _known(recommender: Recommender) -> dict[str, Any]:
    return {**({} if recommender.training_free else TRAINING), **recommender.parameters}


def _named(tables: object, kind: str, known: Any, where: str) -> Iterator[tuple[str, Table]]:
    if not isinstance(tables, dict):
        raise RecclaimsError(f"{where} is no table")
    for name, table in tables.items():
        if name not in known:
            raise UnknownNameError.of(kind, name, set(known), where)
        if not isinstance(table, dict):
            raise RecclaimsError(f"{where}.{name} is no table")
        yield name, table


def _check_names(table: Table, known: Table, where: str, recommender: Recommender | None = None) -> None:
    """Refuse a name that nothing reads; RecBole's own models read more than their Recommender declares."""
    if recommender is not None and ":" not in recommender.model:
        return
    for name in table:
        if name not in known:
            raise UnknownNameError.of("hyper-parameter", name, known, where)


def _check(table: Table, known: Table, where: str, recommender: Recommender | None = None) -> None:
    _check_names(table, known, where, recommender)
    for name, value in table.items():
        problem = _problem(value, known[name]) if name in known else None
        if (
            problem is None
            and name in TRAINING
            and isinstance(value, int)
            and not isinstance(value, bool)
            and value < 1
        ):
            problem = "1 or more"
        if problem:
            raise RecclaimsError(f"{where}: {name} is {value!r}, which is not {problem}")


def _problem(value: object, default: object) -> str | None:
    """What a value should have been, judged by the default; None: it is that."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if isinstance(default, int):
        return None if number and isinstance(value, int) else "a whole number"
    if isinstance(default, float):
        return None if number else "a number"
    if isinstance(default, list):
        return None if isinstance(value, list) and len(value) == len(default) else f"a list of {len(default)}"
    return None if isinstance(value, str) else "a text"
