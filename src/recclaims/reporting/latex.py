r"""results.tex: the tables as papers print them, for `\input` after `\usepackage{booktabs,graphicx,longtable}`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from recclaims._model.verdict import Verdict
from recclaims.reporting import ranks, tables
from recclaims.reporting.styles import STYLES

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult as Case
    from recclaims._model.ranking import Ranking
    from recclaims._model.results import DatasetCard, ResultsDocument

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    # At the head of a row, after the two backslashes of the one above, these would be read as its arguments.
    "[": "{[}",
    "*": "{*}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
#: p up to which a difference gets these stars.
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
#: Controls side by side in one table: with `real` and two columns of names, about the width of a page.
_WIDEST = 6
#: Lines of rows in one table, below its caption and heads: a float that is longer than a page is cut off at its foot.
_LONGEST = 30
#: Letters of a name on one line: of a recommender, of features, over a column of numbers.
_LINE, _LONG_LINE, _HEAD_LINE = 14, 24, 12
#: The same where effects are listed, with the columns they are of.
_LISTED = {"recommender": 12, "treatment": 17, "control": 12}


class Latex:
    """Writes two kinds of tables: the means of every arm side by side, and the effects with their intervals."""

    name = "latex"
    filename = "results.tex"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the tables for a results.json document."""
        parts = [
            r"% Needs \usepackage{booktabs,graphicx,longtable}, and LaTeX twice: a longtable has to learn its widths."
        ]
        if document.headlines:
            items = [rf"\item {_minus(escape(headline.sentence))}" for headline in document.headlines]
            parts.append("\n".join([r"\begin{itemize}", *items, r"\end{itemize}", escape(tables.questions(document))]))
        for dataset in document.datasets:
            mine = tables.of_real_features(document, dataset.dataset)
            for metric in dict.fromkeys(case.metric for case in mine):
                cases = [c for c in mine if c.metric == metric]
                tables_of = [(part, rows) for part in _side_by_side(cases) for rows in _pages(part)]
                parts += [_means(document, dataset, metric, part, rows) for part, rows in tables_of]
        parts += [_ranks(ranking) for ranking in document.rankings]
        for claim in dict.fromkeys(case.claim for case in document.claims):
            for dataset in document.datasets:
                mine = [c for c in document.claims if (c.claim, c.dataset) == (claim, dataset.dataset)]
                if mine:
                    parts += [_effects(document, claim, dataset, mine)]
        return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Make a name text: nothing in it is a command, and no letter stops a LaTeX without its font."""
    escaped = (_SPECIAL.get(letter) or _letter(letter) for letter in unicodedata.normalize("NFC", text))
    return "".join(escaped).replace("--", "-{}-").replace("?`", "?{}`").replace("!`", "!{}`")


def _minus(text: str) -> str:
    """A text whose negative numbers have a minus, not a hyphen."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", text)


def _letter(letter: str) -> str:
    if " " <= letter <= "~":
        return letter
    # An accented Latin letter is printed by every LaTeX; others only where the author loads a font for them.
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) > 1 and parts[0].isascii() and letter <= "\N{LATIN SMALL LETTER Y WITH DIAERESIS}":
        return letter
    return " " if letter.isspace() else f"{{[}}U+{ord(letter):04X}]"


def _metric(metric: str) -> str:
    name, mark, cutoff = metric.partition("@")
    return escape({"ndcg": "nDCG"}.get(name, name.capitalize()) + mark + cutoff)


def _named(dataset: DatasetCard) -> str:
    return escape(dataset.dataset) + (" (planted interactions)" if dataset.planted else "")


def _side_by_side(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases of each table: claims share one as long as their controls have room."""
    columns = sorted(dict.fromkeys((c.claim, c.control) for c in cases), key=lambda column: column[0])
    part: list[tuple[str, str]] = []
    for _, group in groupby(columns, key=lambda column: column[0]):
        controls = list(group)
        if part and len(part) + len(controls) > _WIDEST:
            yield [c for c in cases if (c.claim, c.control) in part]
            part = []
        part += controls
        while len(part) > _WIDEST:
            yield [c for c in cases if (c.claim, c.control) in part[:_WIDEST]]
            part = part[_WIDEST:]
    if part:
        yield [c for c in cases if (c.claim, c.control) in part]


def _pages(cases: Sequence[Case]) -> Iterator[list[tuple[str, str]]]:
    """The rows of a table, recommender and treatment, as many at a time as a page has room for: no float is longer."""
    page: list[tuple[str, str]] = []
    room = float(_LONGEST)
    for recommender, treatment in dict.fromkeys((c.recommender, c.treatment) for c in cases):
        # A name on more than one line; between two recommenders there is a little space.
        new = not page or page[-1][0] != recommender
        height = max(_height(recommender, _LINE) if new else 1, _height(treatment, _LONG_LINE)) + (0.5 if new else 0)
        if page and height > room:
            yield page
            page, room = [], float(_LONGEST)
        page.append((recommender, treatment))
        room -= height
    if page:
        yield page


def _height(name: str, line: int) -> int:
    """On how many lines a name stands, at the most."""
    return 1 if len(name) <= line else 1 + 2 * len(name) // line


def _means(
    document: ResultsDocument,
    dataset: DatasetCard,
    metric: str,
    cases: Sequence[Case],
    rows: Sequence[tuple[str, str]],
) -> str:
    """Rows of recommender and features; the real arm, then every control with its mark."""
    columns = list(dict.fromkeys((case.claim, case.control) for case in cases))
    columns.sort(key=lambda column: column[0])  # stable: a claim's controls stand together, under its name
    found = {(c.recommender, c.treatment, c.claim, c.control): c for c in cases}
    caption = (
        f"{_metric(metric)} on {_named(dataset)}, mean of {document.seeds} "
        f"replicates, profile {escape(tables.profile(document))}. Bold: the best of a row, "
        "where it differs from the real features, or they from all others. "
        r"$^{*}$, $^{**}$, $^{***}$: differs from the real features, $p \leq 0.05$, $0.01$, $0.001$; "
        r"$^{=}$: an equivalence that was claimed holds; $^{\dagger}$: inadmissible."
    )
    names = _column((c.recommender for c in cases), _LINE) + _column((c.treatment for c in cases), _LONG_LINE)
    lines = [
        r"\begin{table}",
        r"\centering\small\setlength{\tabcolsep}{4pt}\setlength{\belowcaptionskip}{4pt}",
        rf"\caption{{{caption}}}",
        r"\setbox2=\hbox{%",
        rf"\begin{{tabular}}{{{names}{'r' * (1 + len(columns))}}}",
        r"\toprule",
        *_heads(columns),
        r"\midrule",
    ]
    statements = document.statements
    equal = {claim for claim, said in statements.items() if said.equivalence}
    previous = None
    for recommender, treatment in rows:
        if previous not in {None, recommender}:
            lines.append(r"\addlinespace")
        arms = [found.get((recommender, treatment, *column)) for column in columns]
        name = "" if recommender == previous else _name(recommender, _LINE)
        lines.append(_row([name, _name(treatment, _LONG_LINE), *_entries(arms, equal)]))
        previous = recommender
    # No wider than the page; the boxes below ten are for whoever needs one.
    fitted = r"\ifdim\wd2>\linewidth\resizebox{\linewidth}{!}{\box2}\else\box2\fi"
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}%", fitted, r"\end{table}"])


def _column(names: Iterable[str], line: int) -> str:
    """The kind of a column of names: as wide as the longest, or as a line on which longer ones are broken."""
    return "l" if max(map(len, names), default=0) <= line else rf"p{{{line / 2:g}em}}"


def _name(text: str, line: int) -> str:
    """A name that may be broken where its parts meet, if it is longer than a line."""
    if len(text) <= line:
        return escape(text)
    return r"\raggedright " + r"\allowbreak{}".join(map(escape, _parts(text)))


def _parts(name: str) -> list[str]:
    """A name cut behind each mark at which its parts meet."""
    return re.findall(r"[^-:+/_&=?]*[-:+/_&=?]+|[^-:+/_&=?]+", name)


def _stacked(name: str) -> str:
    """A name over a column of numbers, on as many lines as it needs."""
    lines = [""]
    for part in _parts(name):
        if lines[-1] and len(lines[-1]) + len(part) > _HEAD_LINE:
            lines.append("")
        lines[-1] += part
    rows = r"\\".join(map(escape, lines))
    return escape(name) if len(lines) == 1 else rf"\begin{{tabular}}[b]{{@{{}}r@{{}}}}{rows}\end{{tabular}}"


def _heads(columns: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Two lines: claims over their controls, then the controls."""
    spans, rules, at = [], [], 4
    for claim, group in groupby(columns, key=lambda column: column[0]):
        width = len(list(group))
        spans.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(claim)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    yield _row(["", "", "", *spans])
    yield "".join(rules)
    yield _row(["recommender", "features", "real", *(_stacked(control) for _, control in columns)])


def _entries(arms: Sequence[Case | None], equal: Container[str]) -> list[str]:
    """The means of a row: the real arm's first, the best in bold where it differs, each control with its mark."""
    real = next((case.treatment_mean for case in arms if case and case.treatment_mean is not None), None)
    means = [real, *(case.control_mean if case else None for case in arms)]
    shown = ["--" if mean is None else f"{mean:.4f}" for mean in means]
    best = max((entry for entry in shown if entry != "--"), key=float, default=None)
    compared = [case for case in arms if case and case.control_mean is not None]
    if shown[0] == best:  # better than all of its controls, or than none that one could name
        bold = [bool(compared) and all(_differs(case) for case in compared), *(False for _ in arms)]
    else:
        bold = [False, *(entry == best and _differs(case) for entry, case in zip(shown[1:], arms, strict=True))]
    printed = [rf"\textbf{{{entry}}}" if is_bold else entry for entry, is_bold in zip(shown, bold, strict=True)]
    return [printed[0], *(entry + _mark(case, equal) for entry, case in zip(printed[1:], arms, strict=True))]


def _differs(case: Case | None) -> bool:
    """Whether a case is decided one way or the other; what is open differs from nothing."""
    return case is not None and case.verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED)


def _mark(case: Case | None, equal: Container[str]) -> str:
    """What a control's entry says beside its mean; `equal` are the claims of equivalence."""
    if case is None or case.control_mean is None:
        return ""
    if case.verdict is Verdict.INADMISSIBLE:
        return r"$^{\dagger}$"
    if case.verdict is Verdict.SUPPORTED and case.claim in equal:
        return "$^{=}$"
    p = case.p
    stars = next((stars for bound, stars in _STARS if p is not None and p <= bound), "")
    return f"$^{{{stars}}}$" if stars else ""


def _effects(document: ResultsDocument, claim: str, dataset: DatasetCard, cases: Sequence[Case]) -> str:
    """One row per case of a claim on a dataset: effect, interval, p and verdict; it may run over pages."""
    said = document.said_of(claim).statement
    name = f"Claim {escape(claim)}{': ' + escape(said).rstrip('.') if said else ''}"
    caption = rf"{name}. On {_named(dataset)}: effects and 95\,\% intervals in per cent of the control's mean."
    heads = ["recommender", "treatment", "control", r"effect [95\,\% interval], \%", "$p$"]
    names = "".join(_column((getattr(case, key) for case in cases), line) for key, line in _LISTED.items())
    lines = _long(f"{names}rrl", caption, [*heads, "verdict"])
    for case in cases:
        value, (low, high) = tables.relative(case), tables.interval(case)
        found = "" if value is None else f"{_signed(value)} [{_signed(low)}, {_signed(high)}]"
        p = case.p
        lines.append(
            _row(
                [
                    *(_name(getattr(case, key), line) for key, line in _LISTED.items()),
                    found,
                    "" if p is None else "$<$0.001" if p < 0.001 else f"{p:.3f}",
                    escape(STYLES[case.verdict].text),
                ]
            )
        )
    return "\n".join([*lines, r"\end{longtable}}"])


def _ranks(ranking: Ranking) -> str:
    """A ranking; in bold those that may be the best, nobody where nothing differs."""
    heads, rows = ranks.rank_rows(ranking)
    caption = f"{escape(ranks.title(ranking))}. {escape(ranks.note(ranking))} Bold: those that may be the best."
    names = [ranks.name(entry) for entry in ranking.entries]
    lines = _long(f"l{_column(names, _LONG_LINE)}rr", caption, [escape(head) for head in heads])
    for entry, row in zip(ranking.entries, rows, strict=True):
        name = _name(row[1], _LONG_LINE)
        shown = rf"\textbf{{{name}}}" if entry in ranking.best else name
        lines.append(_row([row[0].replace("-", "--"), shown, *row[2:]]))
    return "\n".join([*lines, r"\end{longtable}}"])


def _long(columns: str, caption: str, heads: Sequence[str]) -> list[str]:
    """The beginning of a table that may run over pages."""
    return [
        r"{\scriptsize\setlength{\tabcolsep}{2pt}",
        rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
        rf"\caption{{{caption}}}\\",
        r"\toprule",
        _row(heads),
        r"\midrule\endfirsthead",
        r"\toprule",
        _row(heads),
        r"\midrule\endhead",
        r"\bottomrule\endfoot",
    ]


def _signed(value: float | None) -> str:
    return "" if value is None else f"${value:+.1f}$"


def _row(entries: Sequence[str]) -> str:
    return " & ".join(entries) + r" \\"
