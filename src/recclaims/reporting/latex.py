r"""results.tex: the tables as papers print them, to be read by `\input` after `\usepackage{booktabs,longtable}`."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from recclaims.reporting import tables

Case = Mapping[str, Any]

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
#: Holm-adjusted p up to which a difference gets these stars.
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


class Latex:
    """Writes two kinds of tables: the means of every arm side by side, and the effects with their intervals."""

    name = "latex"
    filename = "results.tex"

    def render(self, document: Mapping[str, Any]) -> str:
        """Return the tables for a results.json document."""
        parts = [
            r"% Needs \usepackage{booktabs,longtable}, and LaTeX twice: a longtable learns its widths in the first run."
        ]
        for dataset in document["datasets"]:
            mine = tables.of_real_features(document, dataset["dataset"])
            for metric in dict.fromkeys(case["metric"] for case in mine):
                parts += [_means(document, dataset, metric, [c for c in mine if c["metric"] == metric])]
        for claim in dict.fromkeys(case["claim"] for case in document["claims"]):
            for dataset in document["datasets"]:
                mine = [c for c in document["claims"] if (c["claim"], c["dataset"]) == (claim, dataset["dataset"])]
                if mine:
                    parts += [_effects(document, claim, dataset, mine)]
        return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Make a name text: nothing in it is a command, and no letter stops a LaTeX without its font."""
    escaped = (_SPECIAL.get(letter) or _letter(letter) for letter in unicodedata.normalize("NFC", text))
    return "".join(escaped).replace("--", "-{}-").replace("?`", "?{}`").replace("!`", "!{}`")


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


def _named(dataset: Mapping[str, Any]) -> str:
    return escape(dataset["dataset"]) + (" (planted interactions)" if dataset["planted"] else "")


def _means(document: Mapping[str, Any], dataset: Mapping[str, Any], metric: str, cases: Sequence[Case]) -> str:
    """Rows of recommender and features; the real arm, then every control with its mark."""
    columns = list(dict.fromkeys((case["claim"], case["control"]) for case in cases))
    columns.sort(key=lambda column: column[0])  # stable: a claim's controls stand together, under its name
    found = {(c["recommender"], c["treatment"], c["claim"], c["control"]): c for c in cases}
    caption = (
        f"{_metric(metric)} on {_named(dataset)}, mean of {document['seeds']} "
        f"replicates, profile {escape(tables.profile(document))}. Bold: the best of a row. "
        r"$^{*}$, $^{**}$, $^{***}$: differs from the real features, Holm-adjusted $p \leq 0.05$, $0.01$, $0.001$; "
        r"$^{=}$: an equivalence that was claimed holds; $^{\dagger}$: inadmissible."
    )
    lines = [
        r"\begin{table}",
        r"\centering\small\setlength{\tabcolsep}{4pt}\setlength{\belowcaptionskip}{4pt}",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{ll{'r' * (1 + len(columns))}}}",
        r"\toprule",
        *_heads(columns),
        r"\midrule",
    ]
    statements = document.get("statements", {})
    equal = {claim for claim, said in statements.items() if said.get("equivalence")}
    previous = None
    for recommender, treatment in dict.fromkeys((c["recommender"], c["treatment"]) for c in cases):
        if previous not in {None, recommender}:
            lines.append(r"\addlinespace")
        arms = [found.get((recommender, treatment, *column)) for column in columns]
        name = "" if recommender == previous else escape(recommender)
        lines.append(_row([name, escape(treatment), *_entries(arms, equal)]))
        previous = recommender
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


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
    yield _row(["recommender", "features", "real", *(escape(control) for _, control in columns)])


def _entries(arms: Sequence[Case | None], equal: Container[str]) -> list[str]:
    """The means of a row: the real arm's first, the best in bold as printed, each control with its mark."""
    real = next((case["treatment_mean"] for case in arms if case and case["treatment_mean"] is not None), None)
    means = [real, *(case["control_mean"] if case else None for case in arms)]
    shown = ["--" if mean is None else f"{mean:.4f}" for mean in means]
    best = max((entry for entry in shown if entry != "--"), key=float, default=None)
    bold = [rf"\textbf{{{entry}}}" if entry == best else entry for entry in shown]
    return [bold[0], *(entry + _mark(case, equal) for entry, case in zip(bold[1:], arms, strict=True))]


def _mark(case: Case | None, equal: Container[str]) -> str:
    """What a control's entry says beside its mean; `equal` are the claims of equivalence."""
    if case is None or case["control_mean"] is None:
        return ""
    if case["verdict"] == "inadmissible":
        return r"$^{\dagger}$"
    if case["verdict"] == "supported" and case["claim"] in equal:
        return "$^{=}$"
    p = case["p_adjusted"]
    stars = next((stars for bound, stars in _STARS if p is not None and p <= bound), "")
    return f"$^{{{stars}}}$" if stars else ""


def _effects(document: Mapping[str, Any], claim: str, dataset: Mapping[str, Any], cases: Sequence[Case]) -> str:
    """One row per case of a claim on a dataset: effect, interval, p and verdict; it may run over pages."""
    said = document.get("statements", {}).get(claim, {}).get("statement", "")
    name = f"Claim {escape(claim)}{': ' + escape(said).rstrip('.') if said else ''}"
    caption = rf"{name}. On {_named(dataset)}: effects and 95\,\% intervals in per cent of the control's mean."
    heads = ["recommender", "treatment", "control", r"effect, \%", r"95\,\% interval", "$p$ (Holm)"]
    lines = [
        r"{\footnotesize\setlength{\tabcolsep}{4pt}",
        r"\begin{longtable}{lllrrrl}",
        rf"\caption{{{caption}}}\\",
        r"\toprule",
        _row([*heads, "verdict"]),
        r"\midrule\endfirsthead",
        r"\toprule",
        _row([*heads, "verdict"]),
        r"\midrule\endhead",
        r"\bottomrule\endfoot",
    ]
    for case in cases:
        value, (low, high) = tables.relative(case), tables.interval(case)
        ends = "" if value is None else f"[{_signed(low)}, {_signed(high)}]"
        p = case["p_adjusted"]
        lines.append(
            _row(
                [
                    *(escape(case[key]) for key in ("recommender", "treatment", "control")),
                    "" if value is None else _signed(value),
                    "{" + ends + "}",  # a bracket after \\ would be taken for its argument
                    "" if p is None else "$<$0.001" if p < 0.001 else f"{p:.3f}",
                    escape(tables.SHORT[case["verdict"]].lower()),
                ]
            )
        )
    return "\n".join([*lines, r"\end{longtable}}"])


def _signed(value: float | None) -> str:
    return "" if value is None else f"${value:+.1f}$"


def _row(entries: Sequence[str]) -> str:
    return " & ".join(entries) + r" \\"
