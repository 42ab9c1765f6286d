"""All that a model can say beside what RecBole asks of it: read here, once, when it has been built, and checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import scipy.sparse as sp

from recclaims.declared import Rule, said
from recclaims.errors import CellError


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a model says by attributes of these names, of the class or set when it is built; all have a default.

    Attributes:
        fresh_scores: what `full_sort_predict` returns is made anew each time, so that whoever asks may write to it. The
            scores of a model that does not say so are copied.
        derived: where nothing is trained: all that it reads of its features, scipy CSR. Two arms that agree in it may
            score alike; arms of a model that does not say it are taken for not having read their features.
    """

    fresh_scores: bool = False
    derived: sp.csr_matrix | sp.csr_array | None = None


_RULES = {
    "fresh_scores": Rule(lambda value: isinstance(value, bool), "True"),
    "derived": Rule(lambda value: isinstance(value, sp.csr_matrix | sp.csr_array), "scipy.sparse.csr_matrix(graph)"),
}


def model_spec(model: Any, training_free: bool) -> ModelSpec:
    """What a model says, of any class that RecBole could train.

    Args:
        model: the model; one without such attributes gets the defaults.
        training_free: whether nothing is trained; of a model that is, `derived` would mean nothing and may be its own.

    Raises:
        CellError: a value is none that can be meant; one line that names the class and says what to write.
    """
    names = [one.name for one in fields(ModelSpec) if training_free or one.name != "derived"]
    given = {name: value for name in names if (value := said(model, name)) is not None}
    who = f"model {type(model).__name__}"
    return ModelSpec(**{name: _RULES[name].read(name, value, who, CellError) for name, value in given.items()})
