"""results.html: one page that opens from disk, asks nothing of the network, and can be sorted and filtered."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument

_TEMPLATES = resources.files("recclaims.reporting") / "templates"


class Page:
    """Writes everything that a reader may want of a run as one self-contained HTML file."""

    name = "html"
    filename = "results.html"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the page for a results.json document."""
        # Here, not above: pytest asks for the reporters while it collects, and drawing takes its time to import.
        from recclaims.reporting.view import view

        script = shipped("page.js")
        return _filled("page.html.j2", script, view(document) | {"script": Markup(script)})  # noqa: S704 - ours


def still(template: str, **content: Any) -> str:
    """A page without a script, in the style of the others."""
    return _filled(template, None, content)


def _filled(template: str, script: str | None, content: Mapping[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = shipped("page.css")
    return environment.from_string(shipped(template)).render(
        content,
        style=Markup(style),  # noqa: S704 - ours
        policy=policy(style, script),
    )


def shipped(name: str) -> str:
    """A template, style sheet or script of the pages."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def policy(style: str, script: str | None = None) -> str:
    """What a page may do: run its own script, use its own style sheet, and nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'" if script is not None else "script-src 'none'",
            f"style-src-elem '{_digest(style)}'",
            "style-src-attr 'unsafe-inline'",  # the plots colour each line by a style attribute
            "img-src data:",  # the empty icon, or a browser asks the disk for one
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
