"""What follows an encoder's colon: `NAME?key=value&key=value`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlencode

from recclaims.data.reference import check_question_mark, in_reference, path_in
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.paths import expanded


def split_argument(argument: str, keys: Iterable[str], encoder: str) -> tuple[str, Mapping[str, str]]:
    """Split an argument into its name and settings.

    Raises:
        UnknownNameError: a key is not in `keys`.
        RecclaimsError: it is a path with a question mark, which is written %3F.
    """
    check_question_mark(expanded(argument), f"{encoder}:{argument}")
    name, _, query = argument.partition("?")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    for key in settings:
        if key not in keys:
            raise UnknownNameError.of("key", key, keys, f"{encoder}:{argument}")
    return path_in(name), settings


def number(settings: Mapping[str, str], key: str, default: float, least: float, most: float, encoder: str) -> float:
    """A setting's number, whole where the default is; raises RecclaimsError where it is none within the bounds."""
    text = settings.get(key)
    if text is None:
        return default
    try:
        value: float = type(default)(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise RecclaimsError(f"{encoder}: {key} is '{text}', not a number from {least:g} to {most:g}")
    return value


def join_argument(name: str, settings: Mapping[str, str]) -> str:
    """The opposite of split_argument."""
    # What a path or a model's name may hold stays readable.
    name = in_reference(name)
    return f"{name}?{urlencode(settings, safe='/:,', quote_via=quote)}" if settings else name
