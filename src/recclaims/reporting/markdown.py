"""results.md: what the terminal shows, for a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from recclaims.reporting import ranks, tables

if TYPE_CHECKING:
    from recclaims._model.ranking import Ranking
    from recclaims._model.results import ResultsDocument


class Markdown:
    """Writes the tables as GitHub-flavoured Markdown."""

    name = "markdown"
    filename = "results.md"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the page for a results.json document."""
        claims = dict.fromkeys(case.claim for case in document.claims)
        profile, mask = escape(tables.profile(document)), escape(document.mask)
        budget = f"Profile {profile}, {tables.replicates(document.claims)}, mask {mask}"
        parts = ["# Verdicts", f"{budget}; {tables.counts(document) or 'no case was run'}."]
        if more := tables.improving(document):
            parts.append(escape(more))
        if document.headlines:
            listed = "\n".join(f"* {escape(headline.sentence)}" for headline in document.headlines)
            parts += ["## In short", listed, escape(tables.questions(document))]
        for dataset in document.datasets:
            parts += [f"## {escape(dataset.dataset)}", escape(tables.card(dataset))]
            headers, rows = tables.board_rows(document, dataset.dataset)
            if rows:
                parts.append(table(headers, rows))
        if document.rankings:
            parts += ["## Ranks", "\n".join(f"* {escape(told)}" for told in ranks.sentences(document))]
        for ranking in document.rankings:
            parts += [f"### {escape(ranks.title(ranking))}", _of_ranks(ranking), escape(ranks.note(ranking))]
        for claim in claims:
            parts += [f"## Claim: {escape(claim)}", table(*tables.case_rows(document, claim))]
        if document.encoders:
            parts += ["## Encoders", table(*tables.encoder_rows(document))]
            parts += ["## Cost and gain of encoders", table(*tables.cost_rows(document))]
        if document.keywords:
            parts += ["## Keywords", table(*tables.keyword_rows(document.keywords))]
        return "\n\n".join(parts) + "\n"


def _of_ranks(ranking: Ranking) -> str:
    """A ranking, with those in bold that may be the best; nobody is where nothing differs."""
    headers, rows = ranks.rank_rows(ranking)
    shown = [[escape(entry) for entry in row] for row in rows]
    for entry, row in zip(ranking.entries, shown, strict=True):
        if entry in ranking.best:
            row[1] = f"**{row[1]}**"
    return tables.plain([escape(header) for header in headers], shown, "github")


def table(headers: list[str], rows: list[list[str]]) -> str:
    """A table of GitHub's kind; what the entries say stays text."""
    return tables.plain(
        [escape(header) for header in headers], [[escape(entry) for entry in row] for row in rows], "github"
    )


#: An interval, which is no link unless something follows that makes it one; then signs that are markup wherever they
#: stand; an underscore that is not within a word.
_MARKS = re.compile(r"(\[[+-][\d.]+, [+-][\d.]+\](?![(\[:]))|([\\`*\[\]{}|#~$!<>&]|(?<!\w)_|_(?!\w))")
#: What begins a list, at the start of a line.
_LIST = re.compile(r"^([-+=]|\d+[.)])(?=\s)")
#: What GitHub makes a link of by itself: addresses, people, issues. A comment, which nobody sees, takes it apart.
_LINKED = re.compile(
    r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\S)|(?<=mailto)(?=:)|(?<=xmpp)(?=:)|(?<=#)(?=\d)|(?<=\bgh)(?=-\d)"
)


def escape(text: str) -> str:
    """Keep what a dataset, an encoder or a plugin calls itself from being read as markup, HTML or a link."""
    line = " ".join(str(text).split())
    taken_apart = _LINKED.sub("\0", line.replace("\0", ""))
    marked = _MARKS.sub(lambda found: found[1] or f"\\{found[2]}", taken_apart)
    return _LIST.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", marked).replace("\0", "<!-- -->")
