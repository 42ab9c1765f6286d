"""What a prepared folder says of its making; its presence says that the folder is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Raised when the same raw files would give another folder.
VERSION = 2
#: What the folder came from and what was left out.
RECORD = "prepare.json"


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a prepared folder; None where there is no folder of this version."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("version") == VERSION else None
