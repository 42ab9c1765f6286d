"""Commands that read the results of runs: report, compare, pool, order, schema."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.cli.arguments import Add
from recclaims.errors import RecclaimsError, UnknownNameError, foreign
from recclaims.paths import expanded
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument


def add_commands(add: Add) -> None:
    """Declare them."""
    report = add("report", _report, "show a results.json as Markdown, HTML, LaTeX or CSV")
    report.add_argument(
        "results",
        nargs="?",
        type=expanded,
        default="reports/latest/results.json",
        help="the file to show (default: reports/latest/results.json)",
    )
    report.add_argument("--format", default="markdown", metavar="NAME", help="name of a reporter (default: markdown)")
    report.add_argument("--output", type=expanded, metavar="FILE", help="file to write (default: print)")
    report.add_argument(
        "--figures",
        type=expanded,
        metavar="DIR",
        help="write forest plots for a paper there instead, as PDF and SVG, 3.35 and 7 inches wide",
    )
    compare = add("compare", _compare, "compare two results.json files; exit with code 1 if a case got worse")
    compare.add_argument("old", type=expanded, help="results.json of the earlier run, or a baseline")
    compare.add_argument("new", type=expanded, help="results.json of the later run")
    compare.add_argument("--html", type=expanded, metavar="FILE", help="also write a page: what got worse, better, new")
    pooled = add("pool", _pool, "pool the results of several data sets: the effect over data sets like these")
    pooled.add_argument("results", nargs="+", type=expanded, metavar="FILE", help="results.json files")
    pooled.add_argument("--format", default="text", metavar="NAME", help="text, markdown or html (default: text)")
    pooled.add_argument("--output", type=expanded, metavar="FILE", help="file to write (default: print)")
    order = add("order", _order, "ask whether a benchmark's order of encoders is their order in a run")
    order.add_argument("results", nargs="+", type=expanded, metavar="FILE", help="results.json files")
    order.add_argument(
        "--benchmark",
        required=True,
        type=expanded,
        metavar="FILE",
        help="CSV, TSV or JSONL with the columns encoder and score, more is better",
    )
    schema = add("schema", _schema, "print the JSON Schema of results.json, or of a claim")
    schema.add_argument("what", nargs="?", choices=("results", "claim"), default="results", help="default: results")


def _report(options: argparse.Namespace) -> int:
    from recclaims.reporting.files import rendered
    from recclaims.reporting.results import read

    reporter = registry().find("reporters", options.format, "--format")
    document = read(Path(options.results))
    if options.figures:
        return _figures(document, Path(options.figures))
    with foreign(f"reporter '{options.format}' failed"):
        text = rendered(reporter(), document)
    _put(text, options.output)
    return 0


def _figures(document: ResultsDocument, directory: Path) -> int:
    from recclaims.reporting.paper_figures import write_figures
    from recclaims.reporting.words import counted

    written = write_figures(document, directory)
    print(f"{counted(len(written), 'figure')} written to {directory}.")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from recclaims.reporting import changes as changed
    from recclaims.reporting import github
    from recclaims.reporting.baseline import compare
    from recclaims.reporting.privacy import shareable
    from recclaims.reporting.results import read

    new = read(Path(options.new))
    changes = compare(read(Path(options.old)), new, options.old)
    print(changed.plain(changes))
    if options.html:
        _put(changed.html(changes, *(shareable(name) for name in (options.old, options.new))), options.html)
    if github.here():
        print("\n".join(github.annotate(new, changes)))
        unwritten = github.write_summary(new, changes)
        if unwritten:
            print(f"recclaims: {unwritten}", file=sys.stderr)
    return 1 if any(change.worse for change in changes) else 0


def _pool(options: argparse.Namespace) -> int:
    from recclaims.pooling.across import pool_documents
    from recclaims.reporting.pooled import FORMATS
    from recclaims.reporting.results import read

    if options.format not in FORMATS:
        raise UnknownNameError.of("format", options.format, FORMATS, "--format")
    documents = {name: read(Path(name)) for name in dict.fromkeys(options.results)}
    _put(FORMATS[options.format](pool_documents(documents), documents), options.output)
    return 0


def _order(options: argparse.Namespace) -> int:
    from recclaims.reporting.order import order_text, read_scores
    from recclaims.reporting.results import read

    benchmark = Path(options.benchmark)
    scores = read_scores(benchmark)
    documents = [read(Path(name)) for name in dict.fromkeys(options.results)]
    print(order_text(documents, scores, benchmark.name), end="")
    return 0


def _put(text: str, output: str | None) -> None:
    """Print a report, or write it to a file; raises RecclaimsError."""
    from recclaims.reporting.files import write_atomically

    if output is None:
        print(text, end="")
        return
    try:
        write_atomically(Path(output), text)
    except OSError as error:
        raise RecclaimsError(f"{output}: {error.strerror or error}") from error


def _schema(options: argparse.Namespace) -> int:
    import json

    from recclaims._model.claim import claim_schema
    from recclaims._model.results import json_schema

    made = claim_schema if options.what == "claim" else json_schema
    print(json.dumps(made(), indent=2, ensure_ascii=False))
    return 0
