"""What a paper says of a run: a paragraph on methods with the run's own numbers, and BibTeX of what it cites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from recclaims._model.verdict import Verdict
from recclaims.reporting.latex import escape
from recclaims.reporting.tables import about_the_suite, profile
from recclaims.reporting.words import counted

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult
    from recclaims._model.results import DatasetCard, ResultsDocument

#: By key, what is cited: the kind of the entry, then its fields.
_WORKS: dict[str, tuple[str, dict[str, str]]] = {
    "recclaims": (
        "misc",
        {
            "author": "{The recclaims authors}",
            "title": "recclaims: claims of multimodal-recommendation papers as pytest benchmark cases",
        },
    ),
    "pomo2025multimodal": (
        "inproceedings",
        {
            "author": "Pomo, Claudio and Attimonelli, Matteo and Danese, Danilo and Narducci, Fedelucio and "
            "Di Noia, Tommaso",
            "title": "Do Recommender Systems Really Leverage Multimodal Content?",
            "booktitle": "CIKM",
            "year": "2025",
            "eprint": "2508.04571",
            "archiveprefix": "arXiv",
        },
    ),
    "kim1987": (
        "article",
        {
            "author": "Kim, K. and DeMets, D. L.",
            "title": "Design and analysis of group sequential tests based on the type {I} error spending rate function",
            "journal": "Biometrika",
            "volume": "74",
            "pages": "149--154",
            "year": "1987",
        },
    ),
    "lan1983": (
        "article",
        {
            "author": "Lan, K. K. G. and DeMets, D. L.",
            "title": "Discrete sequential boundaries for clinical trials",
            "journal": "Biometrika",
            "volume": "70",
            "pages": "659--663",
            "year": "1983",
        },
    ),
    "weerahandi1993": (
        "article",
        {
            "author": "Weerahandi, S.",
            "title": "Generalized confidence intervals",
            "journal": "Journal of the American Statistical Association",
            "volume": "88",
            "pages": "899--905",
            "year": "1993",
        },
    ),
    "schuirmann1987": (
        "article",
        {
            "author": "Schuirmann, D. J.",
            "title": "A comparison of the two one-sided tests procedure and the power approach for assessing the "
            "equivalence of average bioavailability",
            "journal": "Journal of Pharmacokinetics and Biopharmaceutics",
            "volume": "15",
            "pages": "657--680",
            "year": "1987",
        },
    ),
    "james1961": (
        "inproceedings",
        {
            "author": "James, W. and Stein, C.",
            "title": "Estimation with quadratic loss",
            "booktitle": "Proceedings of the Fourth Berkeley Symposium",
            "volume": "1",
            "pages": "361--379",
            "year": "1961",
        },
    ),
}
#: Libraries whose versions a paper names, as they call themselves.
_LIBRARIES = {"recbole": "RecBole", "torch": "PyTorch", "scipy": "SciPy", "numpy": "NumPy"}


class Methods:
    r"""Writes the paragraph, for `\input`, with `\cite` of what `methods.bib` holds."""

    name = "methods"
    filename = "methods.tex"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the paragraph for a results.json document."""
        return "\n".join([*_paragraph(document), ""])


class BibTeX:
    """Writes the works that the paragraph cites, and no other."""

    name = "bibtex"
    filename = "methods.bib"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the entries for a results.json document."""
        return "\n".join(_entry(key, document) for key in cited(document))


def cited(document: ResultsDocument) -> list[str]:
    """The keys of the works that a run rests on."""
    judged = [case for case in document.claims if case.n_seeds]
    if not judged:
        return ["recclaims"]
    keys = ["recclaims"]
    if any("2508.04571" in said.source for said in document.statements.values()):
        keys.append("pomo2025multimodal")
    keys.append("weerahandi1993")
    if any(len(case.planned) > 1 for case in judged):
        keys += ["kim1987", "lan1983"]
    if any(case.margin for case in judged):
        keys.append("schuirmann1987")
    if any(case.chance for case in judged):
        keys.append("james1961")
    return keys


def _entry(key: str, document: ResultsDocument) -> str:
    kind, fields = _WORKS[key]
    if key == "recclaims":
        version = document.environment.versions.get("recclaims", "")
        fields = fields | ({"note": f"Version {version}"} if version else {})
        if document.created:
            fields = fields | {"year": document.created[:4]}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def _paragraph(document: ResultsDocument) -> Iterator[str]:
    """A sentence a line, so that a change of one is a change of one line under version control."""
    keys = cited(document)
    cases = [case for case in document.claims if case.n_seeds]
    claims = list(dict.fromkeys(case.claim for case in document.claims))
    about = about_the_suite(document)
    version = document.environment.versions.get("recclaims", "")
    named = f"recclaims {escape(version)}".strip()
    yield (
        f"We judged {counted(len(document.claims), 'case')} of {counted(len(claims), 'claim')} "
        f"({', '.join(map(escape, claims))}) with {named}~\\cite{{recclaims}}, profile {escape(profile(document))}."
    )
    if "pomo2025multimodal" in keys:
        yield "The claims follow~\\cite{pomo2025multimodal}."
    for dataset in document.datasets:
        if any(case.dataset == dataset.dataset and case.claim not in about for case in document.claims):
            yield _dataset(dataset)
    if not cases:
        yield "No case could be run."
        return
    yield from _replicates(cases, "kim1987" in keys)
    metrics = ", ".join(escape(metric) for metric in dict.fromkeys(case.metric for case in cases))
    yield (
        f"The metric is {metrics}; at test time the items of {escape(document.mask)} were excluded from a user's "
        "ranking."
    )
    yield (
        "Effects are ratios of means over users, treatment to control; their 95\\,\\% intervals cover other users, "
        "splits and seeds~\\cite{weerahandi1993}."
    )
    margins = ", ".join(f"{100 * margin:g}\\,\\%" for margin in dict.fromkeys(case.margin for case in cases) if margin)
    if margins:
        yield (
            f"An effect that lies within {margins} of the control's mean counts as no difference, by two one-sided "
            "tests~\\cite{schuirmann1987}."
        )
    if "james1961" in keys:
        yield "Forecasts for undecided cases shrink the effect towards none~\\cite{james1961}."
    yield _outcome(document)
    yield _machine(document)


def _dataset(card: DatasetCard) -> str:
    relevant = "every interaction" if card.relevance is None else f"ratings from {card.relevance:g}"
    cold = ", test items ranked among each other" if card.split.endswith("cold") else ""
    origin = " with simulated interactions" if card.planted else ""
    return (
        f"{escape(card.dataset)}{origin} has {card.users:,} users, {card.items:,} items and "
        f"{card.interactions:,} interactions; split: {escape(card.split)}{cold}; relevant: {relevant}."
    )


def _replicates(cases: Sequence[ClaimResult], sequential: bool) -> Iterator[str]:
    """How many replicates cases had, and when they were looked at."""
    least, most = (end(case.n_seeds for case in cases) for end in (min, max))
    number = counted(most, "replicate") if least == most else f"{least} to {most} replicates"
    yield (
        f"Each case compares two arms that differ in one thing on {number}, each with its own split, initial weights "
        "and samples, the same for both arms."
    )
    plans = dict.fromkeys(case.planned for case in cases if len(case.planned) > 1)
    if sequential and plans:
        told = "; or ".join(", ".join(map(str, plan)) for plan in plans)
        yield (
            f"Cases were looked at after {told} replicates until they were decided, at levels that spend each case's "
            "error over all looks~\\cite{kim1987,lan1983}."
        )


def _outcome(document: ResultsDocument) -> str:
    verdicts = [case.verdict for case in document.claims]
    told = (f"{verdicts.count(one)} {one.replace('_', ' ')}" for one in Verdict if one in verdicts)
    return f"Verdicts: {', '.join(told)}."


def _machine(document: ResultsDocument) -> str:
    versions = document.environment.versions
    used = [f"{name} {escape(versions[key])}" for key, name in _LIBRARIES.items() if versions.get(key)]
    python = [f"Python {escape(document.environment.python)}"] if document.environment.python else []
    return f"Computed on {escape(document.environment.device)} with {', '.join([*python, *used]) or 'recclaims'}."
