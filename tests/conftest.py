"""Tests may run side by side (-n 2); the sessions that they start must not take themselves for a part of that."""

import os


def pytest_configure(config):
    # Here and not in pyproject.toml, which a user's `pytest suite` in a clone reads, too.
    config.addinivalue_line("filterwarnings", "error")
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
        del os.environ[name]
