"""What surrounds somebody's class while it runs: a folder of its own, no output, and its errors as one line."""

from __future__ import annotations

import contextlib
import os
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import torch

from recclaims.errors import NotAvailableError, RecclaimsError, is_order, one_line
from recclaims.interop.foreign.asking import ClassFailedError


@contextlib.contextmanager
def quiet_in(folder: Path) -> Iterator[None]:
    """Let a folder be the working directory, so that what is written there goes with it; and print nothing."""
    before = Path.cwd()
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # of what numpy and torch have deprecated since it was written
        os.chdir(folder)
        stack.callback(os.chdir, before)
        yield


@contextlib.contextmanager
def explained(file: Path, absent: Callable[[], Collection[str]], device: torch.device, write: str) -> Iterator[None]:
    """Make one line of whatever a class raises: what, where, and what is not here.

    Args:
        file: of the class.
        absent: the keys of its config that it read and nobody set.
        device: of the cell.
        write: how a person sets a key, with `KEY` in it.
    """
    try:
        yield
    except RecclaimsError:
        raise
    except ModuleNotFoundError as error:
        raise NotAvailableError(
            f"{file.name} needs {error.name}, which is not installed: install it beside recclaims"
        ) from error
    except BaseException as error:
        if is_order(error):
            raise
        if device.type == "cpu" and any(word in str(error) for word in ("CUDA", "NVIDIA", "cuda")):
            raise NotAvailableError(
                f"{file.name}{_line(file, error)} asks for a GPU, and cells are trained on the CPU; "
                "use config['device'] in the class"
            ) from error
        # What was not there reads as None: some classes never use it.
        keys = sorted(absent()) if "None" in str(error) else []
        hint = f"; its config has no {', '.join(keys)}: write {write.replace('KEY', keys[0])}" if keys else ""
        raise ClassFailedError(f"{one_line(error)} ({file.name}{_line(file, error)}){hint}") from error


def _line(file: Path, error: BaseException) -> str:
    """Where in the class's own file it went wrong, as `:12`."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f":{lines[-1]}" if lines else ""
