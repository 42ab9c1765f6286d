"""Hyper-parameters by flavour, recommender and dataset: those of a profile, and a user's own, from a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from recclaims.engine.tuning import Search
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.recommenders.spec import TRAINING, Recommender
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
            raise RecclaimsError(f"{where}: '{name}' is not a {'list of tables' if name == 'search' else 'table'}")
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
    searches = _searches(document.pop("search", ()), recommenders, f"{where}: search")
    return Hyperparameters(**document, searches=searches, file=path.name)


def _known(recommender: Recommender) -> dict[str, Any]:
    return {**({} if recommender.training_free else TRAINING), **recommender.parameters}


def _named(tables: object, kind: str, known: Any, where: str) -> Iterator[tuple[str, Table]]:
    if not isinstance(tables, dict):
        raise RecclaimsError(f"{where} is not a table")
    for name, table in tables.items():
        if name not in known:
            raise UnknownNameError.of(kind, name, set(known), where)
        if not isinstance(table, dict):
            raise RecclaimsError(f"{where}.{name} is not a table")
        yield name, table


def _check_names(table: Table, known: Table, where: str, recommender: Recommender | None = None) -> None:
    """Refuse a name that nothing reads; RecBole's own models read more than their Recommender declares."""
    if recommender is not None and ":" not in recommender.model_path:
        return
    for name in table:
        if name not in known:
            raise UnknownNameError.of("hyper-parameter", name, known, where)


def _searches(entries: Any, recommenders: Mapping[str, Recommender], where: str) -> tuple[Search, ...]:
    searches, searched = [], set()
    for entry in entries:
        search = Search.of(entry, where)
        for name in search.recommenders:
            if name not in recommenders:
                raise UnknownNameError.of("recommender", name, recommenders, where)
            if name in searched:
                raise RecclaimsError(f"{where}: '{name}' is in two searches; keep it in only one")
            searched.add(name)
            _check_space(search.space, recommenders[name], where)
        searches.append(replace(search, space=_typed(search, recommenders)))
    return tuple(searches)


def _check_space(space: Table, recommender: Recommender, where: str) -> None:
    """Refuse a space with a value that could not be set by hand."""
    known = _known(recommender)
    _check_names(space, known, where, recommender)
    for name, values in space.items():
        ends = values if isinstance(values, list) else [values["low"], values["high"]]
        for value in ends:
            _check({name: value}, known, where, recommender)
        if isinstance(values, dict) and not isinstance(known.get(name, 0.0), int | float):
            raise RecclaimsError(f"{where}: {name} is not a number, so it cannot have a range; list its values")


def _typed(search: Search, recommenders: Mapping[str, Recommender]) -> dict[str, Any]:
    """The space with both ends of a range as floats where the parameter is one: {low = 0, high = 1} is not 0 or 1."""

    def is_float(name: str) -> bool:
        return any(isinstance(_known(recommenders[r]).get(name), float) for r in search.recommenders)

    return {
        name: {**values, "low": float(values["low"]), "high": float(values["high"])}
        if isinstance(values, dict) and is_float(name)
        else values
        for name, values in search.space.items()
    }


def _check(table: Table, known: Table, where: str, recommender: Recommender | None = None) -> None:
    _check_names(table, known, where, recommender)
    for name, value in table.items():
        problem = _problem(value, known[name]) if name in known else None
        if problem is None and name in known:
            problem = _out_of_bounds(name, value, known[name])
        if problem:
            raise RecclaimsError(f"{where}: {name} is {value!r}, which is not {problem}")


def _problem(value: object, default: object) -> str | None:
    """What a value should have been, judged by the default; None: it is that."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if isinstance(default, int):
        return None if number and isinstance(value, int) else "a whole number"
    if isinstance(default, float):
        return None if number else "a number"
    if isinstance(default, list):
        if not isinstance(value, list) or len(value) != len(default):
            return f"a list of {len(default)}"
        # 50 in a default may be 50.5 here.
        kinds = [float(kind) if type(kind) is int else kind for kind in default]
        wrong = any(_problem(value[i], kind) for i, kind in enumerate(kinds))
        return f"a list of {len(default)} like {default}" if wrong else None
    return None if isinstance(value, str) else "a string"


def _out_of_bounds(name: str, value: Any, default: object) -> str | None:
    """What a value of the right type should have been; whole numbers are counts, of layers, neighbours or epochs."""
    if name == "learning_rate_decay":
        return None if all(entry > 0 for entry in value) else "a list of numbers above 0"
    if isinstance(default, bool | str | list) or not isinstance(default, int | float) or default < 0:
        return None
    # A recommender's own may begin at 0 or below, as its default shows.
    least = 1 if isinstance(default, int) and default and not name.endswith("layers") else 0
    return None if value >= least else f"{least} or more"
