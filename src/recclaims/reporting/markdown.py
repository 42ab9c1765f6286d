"""results.md: what the terminal shows, for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recclaims.reporting import tables


class Markdown:
    """Writes the tables as GitHub-flavoured Markdown."""

    name = "markdown"
    filename = "results.md"

    def render(self, document: Mapping[str, Any]) -> str:
        """Return the page for a results.json document."""
        claims = dict.fromkeys(case["claim"] for case in document["claims"])
        budget = f"Profile {escape(tables.profile(document))}, {document['seeds']} replicates, mask {document['mask']}"
        parts = ["# Verdicts", f"{budget}; {tables.counts(document) or 'no case was run'}."]
        if more := tables.improving(document):
            parts.append(escape(more))
        for dataset in document["datasets"]:
            parts += [f"## {escape(dataset['dataset'])}", escape(tables.card(dataset))]
            headers, rows = tables.board_rows(document, dataset["dataset"])
            if rows:
                parts.append(table(headers, rows))
        for claim in claims:
            parts += [f"## Claim: {escape(claim)}", table(*tables.case_rows(document, claim))]
        if document["encoders"]:
            parts += ["## Encoders", table(*tables.encoder_rows(document))]
            parts += ["## Cost and gain of encoders", table(*tables.cost_rows(document))]
        if document.get("keywords"):
            parts += ["## Keywords", table(*tables.keyword_rows(document))]
        return "\n\n".join(parts) + "\n"


def table(headers: list[str], rows: list[list[str]]) -> str:
    """A table of GitHub's kind; what the entries say stays text."""
    return tables.plain(headers, [[escape(entry) for entry in row] for row in rows], "github")


def escape(text: str) -> str:
    """Keep what a dataset or a plugin calls itself from being read as markup."""
    for mark in "\\`*_{}[]<>|#":
        text = text.replace(mark, f"\\{mark}") if mark in "\\`*<>|" else text
    return text.replace("\n", " ")
