"""Loads the fixtures of the suite: those of the installed library, under its name, wherever this clone lies."""

from recclaims._pytest.plugin import load_fixtures


def pytest_configure(config):
    """Load them; not by `pytest_plugins`, which a clone inside another repository may not set."""
    load_fixtures(config)
