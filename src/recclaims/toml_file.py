"""Read a TOML file that a person wrote."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from recclaims.errors import RecclaimsError
from recclaims.regular_file import open_text

#: Bytes; what a person writes is a thousandth of it.
LARGEST = 1_000_000


def read_toml(path: Path, refusal: type[RecclaimsError] = RecclaimsError) -> dict[str, Any]:
    """Return what a file says.

    Args:
        path: the file.
        refusal: the error that is raised.

    Raises:
        RecclaimsError, or what `refusal` is of it: there is no such file, it cannot be read, is larger than LARGEST,
            or no TOML; names the file.
    """
    try:
        with open_text(path) as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise refusal(f"{path}: has more than {LARGEST:,} bytes")
            return tomllib.loads(file.read())
    except FileNotFoundError:
        raise refusal(f"{path}: no such file") from None
    except OSError as error:
        raise refusal(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise refusal(f"{path}: not TOML: {error}") from None
