"""The pytest face: options, one parameter set per case, and what is said first. Inert where no test makes a claim."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from recclaims import trust
from recclaims._model.case import Case
from recclaims._model.claim import Claim
from recclaims._pytest.options import (
    add_options,
    control_names,
    named_recommenders,
    planted_filter,
    profile_of,
    recommender_filter,
    references_of,
    registry_of,
    what_computes,
)
from recclaims._pytest.session import NO_CASE, SESSION, ClaimsSession, is_finding
from recclaims._pytest.xdist_run import Controller, note_claims, note_refusal
from recclaims.errors import RecclaimsError, printable
from recclaims.planning.case import check
from recclaims.planning.planner import Planner
from recclaims.plugin_manager import BUILTIN, registry
from recclaims.recommenders.spec import joins_unasked
from recclaims.resources import import_shipped

#: Options of sessions that are to judge nothing, or have nothing to compare with yet.
_JUDGES_NOTHING = ("claims_update_baseline", "collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")


class TrainingClock:
    """A timer that stands still but for the training time of cells, as it was measured where they ran.

    pytest-benchmark times each round with it, so that a case's row shows the seconds its cells took to
    train, in whichever process and run that was.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Seconds of training so far."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let the clock show that a cell took this long."""
        self._now += seconds


CLOCK = TrainingClock()
#: What a case gets, by the names that a wheel gives the modules, in a clone, too.
FIXTURES = tuple(f"recclaims.fixtures.{module}" for module in ("session", "data", "judgement"))
#: The modules that hold more hooks: how the suite is collected, and what is said last.
HOOKS = tuple(f"recclaims._pytest.{module}" for module in ("suite_modules", "last_screen"))
#: What asks for pytest-benchmark's tables, besides --claims-timings.
_TABLES = ("benchmark_columns", "benchmark_verbose", "benchmark_compare")
#: How pytest-benchmark's table is made narrow where nobody says otherwise.
COLUMNS = ("min", "mean", "max", "rounds")

# Before pytest looks for what it is to collect: `--pyargs recclaims.suite`.
import_shipped("suite")
import_shipped("fixtures")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the contract."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the fixtures that a wheel carries."""
    config.addinivalue_line("markers", "claim(id): this test is parametrised with the cases of a claim")
    config.stash[SESSION] = ClaimsSession()
    load_fixtures(config)


def load_fixtures(config: pytest.Config) -> None:
    """Load what a case gets; a second time does nothing."""
    timed = "timed" if is_timed(config) else "untimed"
    for module in (*FIXTURES, f"recclaims.fixtures.{timed}", *HOOKS):
        config.pluginmanager.import_plugin(module)


def is_timed(config: pytest.Config) -> bool:
    """Whether pytest-benchmark is there to show how long cells took (`-p no:benchmark`)."""
    return hasattr(config.option, "benchmark_columns")


class Judged:
    """Counts the tests that came to their verdict: a baseline of which nothing was judged guards nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count; of a test's reports the one that is not its set-up's or its end's has the verdict, or an error's."""
        self._config.stash[SESSION].judged += report.when != "teardown" and is_finding(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a session that was to be compared with a baseline and judged no case."""
        found, option = self._config.stash[SESSION], self._config.getoption
        controller = self._config.pluginmanager.get_plugin(Controller.__name__)
        claims = found.claims or (controller is not None and controller.claims)
        if hasattr(self._config, "workeroutput"):
            note_claims(self._config, claims)
        elif claims and option("claims_baseline") and not any(map(option, _JUDGES_NOTHING)):
            ended_well = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
            if ended_well and not found.judged:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
                found.nothing_judged = True


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Count what is judged, and join xdist before it starts its workers."""
    plugins = session.config.pluginmanager
    plugins.register(Judged(session.config), Judged.__name__)
    if plugins.has_plugin("dsession"):
        plugins.register(Controller(session.config), Controller.__name__)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that carries the marker one parameter set per case."""
    marker = metafunc.definition.get_closest_marker("claim")
    if marker is None or "case" not in metafunc.fixturenames:
        return
    from recclaims.reporting.case_names import check_names

    metafunc.config.stash[SESSION].claims = True
    parameters = []
    try:
        planner, known = planner_of(metafunc.config), registry_of(metafunc.config).claims
        for claim in _claims(metafunc, *marker.args):
            metafunc.config.addinivalue_line("markers", f"{claim.id}: {printable(claim.statement)}")
            if not marker.args and not _is_sound(claim, metafunc.config):
                continue
            marks = [getattr(pytest.mark, claim.id)]
            if is_timed(metafunc.config):
                marks.append(pytest.mark.benchmark(group=claim.id, timer=CLOCK))
            # Which cases there are already depends on what may be loaded.
            with trust.given(metafunc.config.getoption("claims_trust_remote_code")):
                mine = planner.cases(claim)
            check_names(mine)
            for name in {case.tests for case in mine} & {*known}:
                metafunc.config.addinivalue_line("markers", f"{name}: {printable(known[name].statement)}")
            found = [pytest.param(case, id=case.id, marks=[*marks, *_tested(case, known)]) for case in mine]
            parameters += found or [_no_case(planner, claim)]
    except RecclaimsError as error:
        # Raised when collection is over: here pytest would show a traceback for every module.
        session = metafunc.config.stash[SESSION]
        session.error = session.error or error
    metafunc.parametrize("case", parameters)


def _tested(case: Case, known: Mapping[str, Claim]) -> list[pytest.MarkDecorator]:
    """The marker of the claim that a control of the suite tests, so that `-m` selects it with the claim's cases."""
    return [getattr(pytest.mark, case.tests)] if case.tests in known else []


def _is_sound(claim: Claim, config: pytest.Config) -> bool:
    """Whether a plugin's claim compares with what there is; one that does not is left out, without the others."""
    found = registry_of(config)
    try:
        check(claim, found)
    except RecclaimsError as error:
        config.stash[SESSION].unsound.append(f"{error}; it is left out ({found.origin['claims', claim.id]})")
        return False
    return True


def _no_case(planner: Planner, claim: Claim) -> Any:
    """A skipped parameter set that says what the claim needs: it can be selected, and is no failure."""
    reason = planner.why_none(claim)
    return pytest.param(None, id=NO_CASE, marks=[getattr(pytest.mark, claim.id), pytest.mark.skip(reason=reason)])


def _claims(metafunc: pytest.Metafunc, *names: str) -> list[Claim]:
    """The claims of these names; without a name, those of plugins and files, which have no module of their own.

    One that is made on request alone has cases where the command line names it, or its module.
    """
    config = metafunc.config
    found = registry_of(config)
    if not names:
        return [claim for name, claim in found.claims.items() if found.origin["claims", name] != BUILTIN]
    chosen = f"{config.getoption('markexpr')} {config.getoption('keyword')}"
    words = {*re.findall(r"[\w.-]+", chosen), *(Path(arg.partition("::")[0]).stem for arg in config.args)}
    mine = [found.find("claims", name) for name in names]
    return [claim for claim in mine if not claim.on_request or {claim.id, metafunc.definition.path.stem} & words]


def planner_of(config: pytest.Config) -> Planner:
    """What finds the session's cases, as the options ask."""
    session = config.stash[SESSION]
    if session.planner is None:
        session.broken = registry().broken
        session.planner = Planner(
            references_of(config),
            registry_of(config),
            config.getoption("claims_encoder") or (),
            recommender_filter(config),
            planted_filter(config),
            control_names(config),
        )
    return session.planner


def case_of(item: pytest.Item) -> Case | None:
    """The case that a test judges; None where it judges none."""
    case = getattr(getattr(item, "callspec", None), "params", {}).get("case")
    return case if isinstance(case, Case) else None


def _is_unasked(item: pytest.Item) -> bool:
    """Whether a test is of a claim that is made on request, and nobody asked: no case, and no reason in its place."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return any(marker.args for marker in item.iter_markers("claim")) and params.get("case") is not None


def _makes_claim(item: pytest.Item) -> bool:
    return item.get_closest_marker("claim") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """End the session with one line where the cases could not be made; leave out tests that got none.

    pytest would report a test with an empty parameter set as skipped; a claim without a case is no test.
    """
    error = config.stash[SESSION].error
    if error is not None:
        note_refusal(config, str(error))
        raise pytest.UsageError(str(error))
    # A claim without a case keeps its one skipped item; plugins may have brought no claim at all.
    empty = [
        item
        for item in items
        if _makes_claim(item) and case_of(item) is None and (_is_unasked(item) or not item.get_closest_marker("skip"))
    ]
    if empty:
        config.hook.pytest_deselected(items=empty)
        items[:] = [item for item in items if item not in empty]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave pytest-benchmark's tables of cases out unless somebody asks for them, and keep them narrow then."""
    table, option = session.config.pluginmanager.get_plugin("pytest-benchmark"), session.config.getoption
    if table is None or not any(map(case_of, session.items)):
        return
    asked = any(map(option, _TABLES))
    mine = ("benchmark" in getattr(item, "fixturenames", ()) for item in session.items if not _makes_claim(item))
    table.quiet = not (option("claims_timings") or asked or any(mine))
    if not option("benchmark_columns"):
        table.columns, table.sort = list(COLUMNS), "name"


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say what is about to be run."""
    if not any(map(case_of, items)):
        return []
    return notes(config) if config.getoption("collectonly") else [f"recclaims: {what_computes(config)}", *notes(config)]


def notes(config: pytest.Config) -> list[str]:
    """What people should know about the selection."""
    session = config.stash[SESSION]
    lines = [f"recclaims: {what}" for what in (*session.broken, *session.unsound)]
    for dataset, encoders in planner_of(config).left_out.items():
        if encoders:
            lines.append(f"recclaims: {dataset} has no input for {', '.join(encoders)}")
    profile = profile_of(config)
    for option, what, chosen in (
        ("flavour", "flavour", profile.flavours),
        ("control", "noise", profile.controls),
    ):
        if chosen and config.getoption(f"claims_{option}") is None:
            lines.append(
                f"recclaims: profile {profile.name} runs only {what} {', '.join(chosen)}; more: --claims-{option} all"
            )
    found, named = registry_of(config).recommenders.values(), named_recommenders(config)
    waiting = [one.name for one in found if not (joins_unasked(one) or one.name in named)]
    if waiting:
        lines.append(f"recclaims: {', '.join(waiting)} run only if named: --claims-recommender {waiting[0]}")
    return lines


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Keep the machine's name and its folders out of the benchmarks' file, as out of every report."""
    if config.stash[SESSION].document is None:
        return
    from recclaims.reporting.privacy import share

    output_json["machine_info"].pop("node", None)
    for benchmark in output_json["benchmarks"]:
        benchmark["params"] = {
            key: value.id if isinstance(value, Case) else value for key, value in (benchmark["params"] or {}).items()
        }
    output_json["benchmarks"] = share(output_json["benchmarks"])
