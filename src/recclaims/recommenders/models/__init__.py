"""The recommenders themselves."""
