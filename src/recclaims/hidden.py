"""What no message and no report may show of the environment: its secrets, however they are written."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

#: Names that say what they hold. PWD and OLDPWD are folders.
_NAMED = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|(ACCESS|PRIVATE|SIGNING|ENCRYPTION|ACCOUNT)_?KEY"
    r"|COOKIE|WEBHOOK|CONNECTION_?STRING|(^|_)(PASS|AUTH|DSN)$",
    re.IGNORECASE,
)
#: Who logs in, and with what, in an address: `postgresql://user:password@host/name`.
_LOGIN = re.compile(r"(?<=://)[^\s/@]+(?=@)")
#: What says of itself that it is a token, wherever it comes from.
_TOKEN = re.compile(
    r"\b(?:hf_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|npm_|pypi-)[\w-]{16,}"
    r"|\bsk-[\w-]{20,}|\bA[KS]IA[0-9A-Z]{16}\b|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
)
#: Shorter values are words that may stand anywhere.
_SHORTEST = 8


def secrets() -> list[str]:
    """Every secret of the environment in every way that a message may write it, the longest first.

    The value of a variable whose name says that it is secret, and the password of an address, whatever its variable
    is called.
    """
    found = dict.fromkeys(_written(value) for value in _values() if len(value) >= _SHORTEST)
    return sorted({text for texts in found for text in texts}, key=len, reverse=True)


def _values() -> Iterator[str]:
    for name, value in os.environ.items():
        if _NAMED.search(name):
            yield value
            yield from filter(None, (line.strip() for line in value.splitlines()[1:-1]))  # a key in a block of lines
        for login in _LOGIN.findall(value):
            password = login.partition(":")[2]
            yield password
            yield unquote(password)


def _written(value: str) -> tuple[str, ...]:
    """A value as it is, as Python, JSON, HTML and an address write it, and on one line."""
    ways = (value, repr(value)[1:-1], json.dumps(value)[1:-1], html.escape(value), quote(value, safe=""))
    return tuple(dict.fromkeys((*ways, " ".join(value.split()))))


def without_secrets(text: str, hidden: Iterable[str] | None = None) -> str:
    """The text with `***` for every secret: those of the environment, or `hidden`, where many texts are cleaned.

    What has the shape of a login or of a token is hidden besides, wherever it comes from.
    """
    for value in secrets() if hidden is None else hidden:
        text = text.replace(value, "***")
    if "@" in text:
        text = _LOGIN.sub("***", text)
    return _TOKEN.sub("***", text)
