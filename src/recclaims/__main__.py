"""The command `recclaims`, also as `python -m recclaims`."""

from __future__ import annotations

import sys

from recclaims.cli import main

if __name__ == "__main__":
    sys.exit(main())
