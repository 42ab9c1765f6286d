"""Tests marked `soak` have a long form: `RECCLAIMS_SOAK=1 pytest -n 2 -m soak tests`."""

import os

LONG = bool(os.environ.get("RECCLAIMS_SOAK"))
