"""The errors a user can get: each message is one line that names the file, the key and the nearest valid value."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterable, Iterator

from recclaims.hidden import without_secrets

#: A message is cut here: it may quote what it complains of, and that may be a whole file.
LONGEST = 2000


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey or could not print."""
    line = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


class RecclaimsError(Exception):
    """Base class of all errors; the message is one line for people.

    Whatever it quotes, it is a printable line of bounded length and shows no secret from the environment.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(without_secrets(message)))


class UnknownNameError(RecclaimsError):
    """An unknown name of a dataset, encoder, recommender, claim, profile or key."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownNameError:
        """Build the error for `name`, with the nearest of the `known` names.

        Args:
            kind: what was looked for, as a person calls it ("dataset", "encoder").
            name: the name that was given.
            known: every valid name.
            where: the file or option that gave the name, put before the message.
        """
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        prefix = f"{where}: " if where else ""
        return cls(f"{prefix}unknown {kind} '{name}'; {hint}known: {', '.join(known) or 'none'}")


def one_line(error: BaseException) -> str:
    """Type and message of somebody else's error, in one line."""
    return printable(without_secrets(f"{type(error).__name__}: {error}"))


def is_order(error: BaseException) -> bool:
    """Whether an exception is an order to stop: Ctrl-C, or pytest's own, as a plugin's time limit for a test gives."""
    outcomes = sys.modules.get("_pytest.outcomes")
    return isinstance(error, KeyboardInterrupt | GeneratorExit | getattr(outcomes, "OutcomeException", GeneratorExit))


@contextlib.contextmanager
def foreign(what: str, kind: type[RecclaimsError] = RecclaimsError) -> Iterator[None]:
    """Turn whatever a plugin's code raises into one line that begins with `what`: sys.exit, too, which ends no run.

    Raises:
        RecclaimsError: of this kind; one that was raised by the plugin itself stays what it is.
    """
    try:
        yield
    except RecclaimsError:
        raise
    except BaseException as error:
        if is_order(error):
            raise
        raise kind(f"{what}: {one_line(error)}") from error


class DatasetError(RecclaimsError):
    """A dataset that cannot be read: names the file, the line and the key."""


class ChangedError(RecclaimsError):
    """A file that has changed since its digest became part of a key, so that results from it must not be kept."""


class FeatureError(RecclaimsError):
    """Invalid features from an encoder: wrong shape, wrong number of rows, NaN or inf."""


class NotAvailableError(RecclaimsError):
    """Something missing on this machine (weights, a package), with how to get it. The case is not run."""


class CellError(RecclaimsError):
    """A cell that could not be trained or scored: NaN in its loss or scores, or an error in the recommender."""


class StoreError(RecclaimsError):
    """An artefact that cannot be written, or that does not match its checksum."""


class StorageError(StoreError):
    """A store that cannot be read or written at the moment (full, read-only, no permission): not a finding."""
