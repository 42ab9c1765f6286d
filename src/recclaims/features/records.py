"""What an encoder says of each item beside its row: checked as it comes, so that nothing is encoded in vain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError

#: The keys that are read, see Encoded: what each holds, and in words.
KEYS: dict[str, tuple[type, str]] = {
    "error": (str, "a text; leave it out where nothing failed"),
    "truncated": (bool, "True or False"),
    "cut": (bool, "True or False"),
    "text": (str, "a text"),
    "tokens": (int, "a whole number"),
    "device": (str, "a text"),
    "batch": (int, "a whole number"),
}


def checked_records(records: Any, items: Sequence[Item], who: str) -> Sequence[Mapping[str, Any]]:
    """The records of an Encoded, numbers of numpy's as plain ones.

    Args:
        records: what an encoder gave.
        items: what it was given.
        who: its name, for messages.

    Raises:
        FeatureError: they are not as many as the items, or one is not what Encoded says; one line.
    """
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise FeatureError(f"{who} returned records of type {type(records).__name__}, not a list of one dict an item")
    if len(records) != len(items):
        raise FeatureError(f"{who} returned {len(records):,} records for {len(items):,} items")
    return [
        _checked(record, f"{who} returned for item '{item.item_id}'")
        for record, item in zip(records, items, strict=True)
    ]


def _checked(record: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(record, Mapping):
        raise FeatureError(f"{where} a record of type {type(record).__name__}, not a dict")
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in record.items()}
    for key, (kind, words) in KEYS.items():
        # True is a number in Python.
        if key in plain and (not isinstance(plain[key], kind) or (kind is int and isinstance(plain[key], bool))):
            raise FeatureError(f"{where} a record whose '{key}' is {plain[key]!r:.80}, not {words}")
    if not plain.keys() <= KEYS.keys():
        _check_json(plain, where)
    return plain


def _check_json(record: Mapping[str, Any], where: str) -> None:
    for key, value in record.items():
        try:
            if not isinstance(key, str):
                raise TypeError
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise FeatureError(f"{where} a record that JSON cannot hold: {key!r:.80} is {value!r:.80}") from None
