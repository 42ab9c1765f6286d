"""The end of a run on the terminal: what failed by its verdict, the tables, and the answer last."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from recclaims._pytest.options import baseline_of, registry_of
from recclaims._pytest.session import NO_CASE, SESSION, ClaimsSession, is_finding
from recclaims._pytest.xdist_run import Controller
from recclaims.errors import printable
from recclaims.planning.needs import what_gives_cases

if TYPE_CHECKING:
    from recclaims._model.claim import Claim
    from recclaims._model.results import ResultsDocument
    from recclaims.reporting.console import Paint

#: What pytest calls a failed test, by the list that it keeps it in and the letter of -r that shows it.
_FAILED = (("failed", "f", "FAILED"), ("error", "E", "ERROR"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> Generator[None]:
    """Let pytest tell of everything but the verdicts, then tell of these: nothing but its count of tests follows.

    pytest would show what failed by its verdict twice, as a traceback of no lines and as a name without a reason.
    """
    session = config.stash[SESSION]
    controller = config.pluginmanager.get_plugin(Controller.__name__)
    if controller is not None and (payload := controller.published()):
        session.take_payload(payload)
        session.baseline = baseline_of(config)
    stats = terminalreporter.stats
    whole = {kind: stats[kind] for kind, *_ in _FAILED if kind in stats}
    if session.document is not None:
        stats.update({kind: [one for one in reports if not is_finding(one)] for kind, reports in whole.items()})
    try:
        yield
    finally:
        stats.update(whole)
    _tell(terminalreporter, exitstatus, session)


def _tell(reporter: pytest.TerminalReporter, exitstatus: int, session: ClaimsSession) -> None:
    """Write the tables and the answer, where there are any."""
    from recclaims.reporting import ending, terminal
    from recclaims.reporting.baseline import ABSENT, compare

    config, document = reporter.config, session.document
    without = _without_cases(reporter) if exitstatus in _ENDED_WELL else {}
    if document is None and session.nothing_judged:
        reporter.section("recclaims", "=")
        reporter.write_line(ending.NOTHING_JUDGED, red=True)
        return
    if document is None and not without:
        return
    changes = None
    if document is not None and session.baseline is not None:
        # Cases of the baseline that were not selected are not gone.
        found = compare(session.baseline, document, "baseline")
        changes = [change for change in found if change.after != ABSENT]
    failed = [*reporter.getreports("failed"), *reporter.getreports("error")]
    ended = ending.Ending(
        trained=session.trained,
        exit_code=int(exitstatus),
        changes=changes,
        failed=list(_findings(reporter)),
        unjudged=sum(not is_finding(report) for report in failed),
        judged=not session.nothing_judged,
        command=("pytest", *map(str, config.invocation_params.args)),
        without_cases=without,
        giving=_giving(without, registry_of(config).claims) if without else {},
        report=printable(config.getoption("claims_report")),
    )
    paint, verbosity = _paint(reporter), config.getoption("verbose")
    reporter.section("recclaims", "=")
    if document is not None and verbosity >= 0:
        for line in (*session.notes, *terminal.details(document, verbosity > 0, paint, _has_symbols(reporter)), ""):
            reporter.write_line(line)
        before = [] if ended.told_last else list(terminal.findings(ended.failed, paint))
        for line in (*before, *([""] if before else [])):
            reporter.write_line(line)
    for line in ending.summary(document, ended, verbosity, paint):
        reporter.write_line(line)
    for line in session.unwritten:
        reporter.write_line(line, red=True)
    if document is not None:
        _tell_github(reporter, document, changes)


_ENDED_WELL = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def _findings(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str]]:
    """What failed by its verdict: pytest's word, the test and what it failed with, as far as -r asks for it."""
    for kind, letter, word in _FAILED:
        if letter in reporter.reportchars:
            for report in reporter.getreports(kind):
                if is_finding(report):
                    yield word, printable(report.nodeid), printable(str(report.longrepr))


def _without_cases(reporter: pytest.TerminalReporter) -> dict[str, list[str]]:
    """By the reason, the claims that were selected and have no case here."""
    found: dict[str, list[str]] = {}
    known = registry_of(reporter.config).claims
    for report in reporter.getreports("skipped"):
        if report.nodeid.endswith(f"[{NO_CASE}]"):
            claims = [name for name in report.keywords if name in known]
            reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
            found.setdefault(printable(reason.removeprefix("Skipped: ")), []).extend(claims)
    return found


def _giving(without: Mapping[str, Sequence[str]], claims: Mapping[str, Claim]) -> dict[str, tuple[str, ...]]:
    """By the reason, the options that would give the claims of that reason cases."""
    return {why: what_gives_cases(claims[names[0]]) for why, names in without.items() if names}


def _paint(reporter: pytest.TerminalReporter) -> Paint:
    """Colours where pytest has them: a terminal, --color=yes."""
    from recclaims.reporting.styles import STYLES

    colours = {str(verdict): {style.ink: True} for verdict, style in STYLES.items() if style.ink}
    colours |= {"strong": {"bold": True}, "bad": {"red": True}}
    return lambda text, kind: reporter._tw.markup(text, **colours.get(kind, {}))


def _has_symbols(reporter: pytest.TerminalReporter) -> bool:
    """Whether the terminal can show the symbols of verdicts."""
    from recclaims.reporting.styles import STYLES

    try:
        "".join(style.symbol for style in STYLES.values()).encode(
            getattr(reporter._tw._file, "encoding", "") or "utf-8"
        )
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _tell_github(reporter: pytest.TerminalReporter, document: ResultsDocument, changes: Any) -> None:
    """Annotate the workflow and add to its summary, where this is one."""
    from recclaims.reporting import github

    if not github.here():
        return
    for line in github.annotate(document, changes):
        reporter.write_line(line)
    unwritten = github.write_summary(document, changes)
    if unwritten:
        reporter.write_line(f"recclaims: {unwritten}", red=True)
