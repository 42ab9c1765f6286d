"""Tables that benchmarks leave behind, printed by conftest.py after pytest-benchmark's own."""

TABLES = []


def add(title, header, rows):
    TABLES.append((title, header, rows))
