"""The pytest face: one parameter set per case, and the summary. Inert where no test makes a claim."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from recclaims.claims.case import Case, cases, without_argument
from recclaims.claims.claim import Claim
from recclaims.claims.needs import why_no_case
from recclaims.claims.planted import REFERENCES, Opened, planted_cases
from recclaims.datasets.reference import open_source
from recclaims.encoders.language import trust
from recclaims.encoders.offered import carried
from recclaims.encoders.resolve import facts_of
from recclaims.errors import DatasetError, RecclaimsError
from recclaims.plugin_manager import Plugin, registry
from recclaims.pytest_options import add_options, admits, baseline_of, noises, plants, profile_of, what_computes
from recclaims.xdist_run import Controller, note_refusal

if TYPE_CHECKING:
    from recclaims.datasets.dataset import DatasetSource

DEFAULT_DATASETS = ("ml-100k",)


@dataclass
class ClaimsSession:
    """What one pytest session knows of its claims.

    Attributes:
        sources: by reference, the dataset sources: opened once for all claims.
        names: by a dataset's name, the reference that asked for it.
        left_out: by dataset, encoders that it cannot feed.
        document: what came out as results.json holds it, once the first case has asked for it.
        trained: how many cells were trained for it.
        baseline: the document that --claims-baseline names.
        notes: what was said before the run, where only a worker of xdist has heard it.
        broken: plugins that did not load.
        error: why the cases could not be made.
        unwritten: why reports could not be written.
    """

    sources: dict[str, DatasetSource] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    document: dict[str, Any] | None = None
    trained: int = 0
    baseline: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    broken: list[Plugin] = field(default_factory=list)
    error: RecclaimsError | None = None
    unwritten: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """What the summary is made of, for another process of xdist."""
        return {name: getattr(self, name) for name in ("document", "trained", "notes", "unwritten")}

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take over what another process has told."""
        for name in ("document", "trained", "notes", "unwritten"):
            setattr(self, name, told[name])


SESSION = pytest.StashKey[ClaimsSession]()
#: The property of a test that says its verdict; a test that failed without it was not judged.
JUDGED = "verdict"


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the contract."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the fixtures that a wheel carries."""
    config.addinivalue_line("markers", "claim(id): this test is parametrised with the cases of a claim")
    config.stash[SESSION] = ClaimsSession()
    # Which cases there are already depends on what may be loaded.
    trust.remote_code = trust.remote_code or config.getoption("claims_trust_remote_code")
    # In a clone the root conftest.py loads `fixtures`; in a wheel they are part of the package.
    if importlib.util.find_spec("recclaims.fixtures") is not None:
        for module in ("session", "data", "judgement"):
            config.pluginmanager.import_plugin(f"recclaims.fixtures.{module}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Join xdist before it starts its workers."""
    plugins = session.config.pluginmanager
    if plugins.has_plugin("dsession"):
        plugins.register(Controller(session.config), Controller.__name__)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that carries the marker one parameter set per case."""
    marker = metafunc.definition.get_closest_marker("claim")
    if marker is None or "case" not in metafunc.fixturenames:
        return
    parameters = []
    try:
        for claim in _claims(*marker.args):
            metafunc.config.addinivalue_line("markers", f"{claim.id}: {claim.statement}")
            marks = [getattr(pytest.mark, claim.id), pytest.mark.benchmark(group=claim.id, timer=CLOCK)]
            found = [pytest.param(case, id=case.id, marks=marks) for case in _cases(metafunc.config, claim)]
            parameters += found or [_no_case(metafunc.config, claim)]
    except RecclaimsError as error:
        # Raised when collection is over: here pytest would show a traceback for every module.
        session = metafunc.config.stash[SESSION]
        session.error = session.error or error
    metafunc.parametrize("case", parameters)


def _no_case(config: pytest.Config, claim: Claim) -> Any:
    """A skipped parameter set that says what the claim needs: it can be selected, and is no failure."""
    reason = why_no_case(claim, _references(config), config.getoption("claims_encoder") or ())
    return pytest.param(None, id="no-case", marks=[getattr(pytest.mark, claim.id), pytest.mark.skip(reason=reason)])


def _claims(*names: str) -> list[Claim]:
    """The claims of these names; without a name, those of plugins, which have no module of their own."""
    found = registry()
    if names:
        return [found.find("claims", name) for name in names]
    return [claim for name, claim in found.claims.items() if found.origin["claims", name] != "recclaims"]


def _cases(config: pytest.Config, claim: Claim) -> Iterator[Case]:
    session = config.stash[SESSION]
    session.broken = registry().broken
    asked = config.getoption("claims_encoder") or ()
    references = _references(config)
    if claim.planted:
        yield from planted_cases(claim, _plant(session, references), registry(), asked, plants(config))
        return
    for reference in references:
        source = _open(session, reference)
        found = cases(claim, reference, source, registry(), asked, admits(config), noises(config))
        if source.name not in session.left_out:
            session.left_out[source.name] = _left_out(source, asked)
        yield from found


def _references(config: pytest.Config) -> list[str]:
    return list(dict.fromkeys(config.getoption("claims_data") or DEFAULT_DATASETS))


def _open(session: ClaimsSession, reference: str) -> DatasetSource:
    """Open a dataset once for all claims; two of one name could not be told apart in any table."""
    if reference not in session.sources:
        session.sources[reference] = open_source(reference, registry())
    source = session.sources[reference]
    other = session.names.setdefault(source.name, reference)
    if other != reference:
        raise DatasetError(
            f"--claims-data: {other} and {reference} are both called '{source.name}'; "
            "give one of them another name in its dataset.toml"
        )
    return source


def _plant(session: ClaimsSession, asked: Sequence[str]) -> dict[str, Opened]:
    """The planted datasets; where one was asked for in other words, by those."""
    names = {_open(session, reference).name: reference for reference in asked}
    made = {reference: open_source(reference, registry()) for reference in REFERENCES}
    words = {reference: names.get(source.name, reference) for reference, source in made.items()}
    return {reference: Opened(word, _open(session, word)) for reference, word in words.items()}


def _left_out(source: DatasetSource, asked: Sequence[str]) -> list[str]:
    """The encoders that a dataset has nothing for."""
    wanted = asked or without_argument(registry())
    modalities = carried(source)
    return [name for name in wanted if not facts_of(name, registry(), "--claims-encoder").requires <= modalities]


def case_of(item: pytest.Item) -> Case | None:
    """The case that a test judges; None where it judges none."""
    case = getattr(getattr(item, "callspec", None), "params", {}).get("case")
    return case if isinstance(case, Case) else None


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
        if item.get_closest_marker("claim") and case_of(item) is None and not item.get_closest_marker("skip")
    ]
    if empty:
        config.hook.pytest_deselected(items=empty)
        items[:] = [item for item in items if item not in empty]


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say what is about to be run."""
    if not any(map(case_of, items)):
        return []
    return notes(config) if config.getoption("collectonly") else [f"recclaims: {what_computes(config)}", *notes(config)]


def notes(config: pytest.Config) -> list[str]:
    """What a person should know of the selection."""
    session = config.stash[SESSION]
    lines = [f"recclaims: plugin {p.name} ({p.distribution}) is left out: {p.error}" for p in session.broken]
    for dataset, encoders in session.left_out.items():
        if encoders:
            lines.append(f"recclaims: {dataset} has nothing to encode for {', '.join(encoders)}")
    profile = profile_of(config)
    for option, what, chosen in (
        ("flavour", "flavour", profile.flavours),
        ("control", "noise", profile.controls),
    ):
        if chosen and config.getoption(f"claims_{option}") is None:
            lines.append(
                f"recclaims: profile {profile.name} has {what} {', '.join(chosen)}; more: --claims-{option} all"
            )
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


def _is_finding(report: Any) -> bool:
    """Whether a test failed by its verdict, and not before it had one or while it was taken down."""
    return getattr(report, "when", None) != "teardown" and JUDGED in dict(getattr(report, "user_properties", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Show the tables, and say in words what the exit code means."""
    session = config.stash[SESSION]
    controller = config.pluginmanager.get_plugin(Controller.__name__)
    if controller is not None and (left := controller.left()):
        session.hear(left)
        session.baseline = baseline_of(config)
    if session.document is None:
        return
    from recclaims.reporting import github
    from recclaims.reporting.baseline import ABSENT, compare
    from recclaims.reporting.terminal import summary

    failed = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
    unjudged = sum(not _is_finding(report) for report in failed)
    terminalreporter.section("recclaims", "=")
    for line in session.notes:
        terminalreporter.write_line(line)
    for line in summary(session.document, session.trained, exitstatus, session.baseline is not None, unjudged):
        terminalreporter.write_line(line)
    for line in session.unwritten:
        terminalreporter.write_line(line, red=True)
    terminalreporter.write_line(f"Written to {config.getoption('claims_report')}.")
    if github.here():
        changes = None
        if session.baseline is not None:
            # Cases of the baseline that were not selected are not gone.
            found = compare(session.baseline, session.document, "baseline")
            changes = [change for change in found if change.after != ABSENT]
        for line in github.annotate(session.document, changes):
            terminalreporter.write_line(line)
        github.write_summary(session.document, changes)
