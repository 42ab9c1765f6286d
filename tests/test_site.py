"""The documentation as a site has every page and every public name; `tox -e docs` builds it."""

import re
from pathlib import Path

import pytest

import recclaims
import recclaims.testing
from recclaims.plugin_manager import KINDS

DOCS = Path(__file__).parents[1] / "docs"
INDEX = (DOCS / "index.md").read_text()
CONTENTS = re.findall(r"```\{toctree\}\n(.*?)```", INDEX, re.DOTALL)
TARGETS = [re.sub(r".*<(.*)>", r"\1", line) for block in CONTENTS for line in block.splitlines() if line[:1] not in ":"]


@pytest.mark.parametrize("page", sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index"))
def test_a_page_is_in_the_list_that_people_read_and_in_the_one_of_the_site(page):
    assert f"]({page}.md)" in INDEX
    assert TARGETS.count(page) == 1


def test_both_lists_have_the_same_order():
    listed = [
        one.removesuffix(".md") for one in re.findall(r"\]\(([\w./-]+\.md)\)", INDEX.partition("## Tutorials")[2])
    ]
    assert [one for one in TARGETS if one and "*" not in one] == listed


def test_the_reference_has_every_public_name_once():
    documented = re.findall(r"^\.\. auto\w+:: ([\w.]+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    public = {f"recclaims.{name}" for name in recclaims.__all__} - {"recclaims.__version__", "recclaims.hookimpl"}
    contracts = {f"recclaims.testing.{name}" for name in recclaims.testing.__all__}
    hooks = {f"recclaims.hookspecs.recclaims_{kind}" for kind in KINDS}
    assert len(documented) == len(set(documented))
    assert set(documented) == public | contracts | hooks


def test_options_in_docstrings_are_code():
    """Elsewhere two hyphens become a dash on the site."""
    for name in recclaims.__all__:
        text = getattr(recclaims, name).__doc__ or ""
        assert not re.search(r"(?<!`)--claims-", text), name
