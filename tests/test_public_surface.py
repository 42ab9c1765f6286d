"""What others may import is in `recclaims` and `recclaims.testing`, and importing it loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import recclaims

PLUGINS = Path(__file__).parents[1] / "plugins"
FILES = sorted(PLUGINS.glob("*/**/*.py"))


def imported(source):
    """Every module of recclaims that a source imports, whole or in part, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "recclaims")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "recclaims":
            public = set(recclaims.__all__) if node.module == "recclaims" else set()
            # `from recclaims import store` is another module.
            yield from (
                node.module if node.module != "recclaims" or alias.name in public else f"recclaims.{alias.name}"
                for alias in node.names
            )


def attributes(source):
    """Every `recclaims.NAME` that a source uses."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "recclaims":
            yield node.attr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_shipped_plugin_uses_the_public_surface_alone(path):
    source, tests = path.read_text(), "tests" in path.parts
    assert set(imported(source)) <= ({"recclaims", "recclaims.testing"} if tests else {"recclaims"})
    assert set(attributes(source)) <= set(recclaims.__all__)


def test_there_are_plugins():
    assert len({path.relative_to(PLUGINS).parts[0] for path in FILES}) >= 4


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import recclaims", ["recclaims"]),
        ("import recclaims.store as store", ["recclaims.store"]),
        ("from recclaims import Item", ["recclaims"]),
        ("from recclaims import store", ["recclaims.store"]),
        ("def f():\n    from recclaims.features.encoded import Encoded", ["recclaims.features.encoded"]),
        ("import recclaims_mine", []),
    ],
)
def test_imports_are_found_wherever_they_stand(source, found):
    assert list(imported(source)) == found


@pytest.mark.parametrize("name", recclaims.__all__)
def test_what_is_public_is_there(name):
    assert getattr(recclaims, name) is not None


def test_importing_it_loads_nothing_heavy():
    heavy = "{'torch', 'transformers', 'recbole', 'polars', 'pydantic', 'huggingface_hub'}"
    code = f"import sys, recclaims, recclaims.testing; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_name_that_there_is_not_is_named():
    with pytest.raises(AttributeError, match="module 'recclaims' has no attribute 'Encodre'"):
        recclaims.Encodre  # noqa: B018
