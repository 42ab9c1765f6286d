"""The documentation as a site: `tox -e docs` builds it from the Markdown that is read on its own, too.

The sources are the whole repository, so that a link from a page to SECURITY.md or to a plugin is the same in both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

project = "recclaims"
author = "The recclaims authors"
project_copyright = author
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/api/*.md",
    "plugins/README.md",
    "plugins/*/README.md",
    "plugins/*/src/*/MODEL_CARD.md",
    "*.md",
]
# The README is the repository's first page, as docs/index.md is the site's; folders are named to not be searched.
exclude_patterns = ["README.md", ".*", "env", "build", "dist", "reports", "src", "tests", "suite", "fixtures"]

# Links to a heading are spelled as GitHub spells them.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "fieldlist"]

# What takes gigabytes is not installed to read its users' docstrings.
autodoc_mock_imports = ["recbole", "sentence_transformers", "torch", "torchvision", "transformers"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Backquotes in docstrings are code, as in Markdown.
default_role = "code"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = "recclaims"
html_theme_options = {"top_of_page_buttons": []}
html_copy_source = False
html_show_sourcelink = False
# The site's own address leads to its first page.
html_additional_pages = {"index": "redirect.html"}
templates_path = ["_templates"]

#: What napoleon takes to be the end of a type, where an attribute's docstring is a sentence; and what hides it.
COLON, HIDDEN = ":", "\uf03a"
ATTRIBUTES = {"attribute", "data", "property"}


def _hide_colons(_app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    if what in ATTRIBUTES:
        lines[:] = [line.replace(COLON, HIDDEN) for line in lines]


def _show_colons(_app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    if what in ATTRIBUTES:
        lines[:] = [line.replace(HIDDEN, COLON) for line in lines]


def setup(app: Any) -> None:
    """Keep the sentences of attributes whole: before napoleon, whose priority is 500, and after it."""
    app.connect("autodoc-process-docstring", _hide_colons, priority=400)
    app.connect("autodoc-process-docstring", _show_colons, priority=600)
