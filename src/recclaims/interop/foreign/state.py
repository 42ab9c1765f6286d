"""What a module keeps beside its weights, so that the best epoch can be put back as it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

#: Attributes that every module has.
_OF_TORCH = frozenset(vars(nn.Module()))


def kept_beside(module: nn.Module) -> dict[str, dict[str, Any]]:
    """By submodule and attribute, copies of tensors and of plain values, and of lists, tuples and dicts of them."""
    found = {}
    for path, part in module.named_modules():
        mine = {name: value for name, value in vars(part).items() if name not in _OF_TORCH and _is_state(value)}
        if mine:
            found[path] = {name: _copied(value) for name, value in mine.items()}
    return found


def put_back(module: nn.Module, kept: dict[str, dict[str, Any]]) -> None:
    """Set the attributes that were kept."""
    parts = dict(module.named_modules())
    for path, attributes in kept.items():
        for name, value in attributes.items():
            setattr(parts[path], name, value)


def _is_state(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_state, value))
    if isinstance(value, dict):
        return all(map(_is_state, value.values()))
    if isinstance(value, torch.Tensor):
        return not isinstance(value, nn.Parameter)
    return value is None or isinstance(value, bool | int | float | str)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return type(value)(_copied(one) for one in value) if not hasattr(value, "_fields") else value
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return value
