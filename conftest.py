"""Loads the fixtures of the suite."""

pytest_plugins = ("fixtures",)
