"""Loads the fixtures of the suite."""

# Module by module: "fixtures" alone is the name of one of pytest's own plugins.
pytest_plugins = ("fixtures.session", "fixtures.data", "fixtures.judgement")
