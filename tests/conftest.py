"""Tests may run side by side (-n 2); the sessions that they start must not take themselves for a part of that."""

import os

from .drawing import load_profile

# Here, not in a hook: a test's settings take the profile that is loaded when its module is imported.
load_profile()


def pytest_configure(config):
    # Here and not in pyproject.toml, which a user's `pytest suite` in a clone reads, too.
    config.addinivalue_line("filterwarnings", "error")
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
        del os.environ[name]
