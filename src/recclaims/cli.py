"""The command `recclaims`: everything around a run of the claims, which pytest itself does."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.errors import DatasetError, NotAvailableError, RecclaimsError, UnknownNameError, foreign, printable
from recclaims.features.resolve import make_encoder, why_unavailable
from recclaims.lvlm.checkpoints import TRUST
from recclaims.paths import expanded
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims.engine.pipeline import Pipeline
    from recclaims.features.chunks import EncodingProgress


_DESCRIPTION = """\
Judge the claims on your own data:            pytest suite --claims-data path/to/folder
See what is missing here and how to fix it:   recclaims doctor

The other commands prepare data and features, and work with the results of a run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a refusal is one line on stderr and exit code 2."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        if not _is_somewhere():
            raise RecclaimsError("the current folder no longer exists; change to one that does")
        code = command(options)
        sys.stdout.flush()  # here, where what goes wrong can be said
    except RecclaimsError as error:
        print(f"recclaims: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _write_no_more()
        return 128 + 13  # as a shell says of SIGPIPE: whoever read has had enough, as in `recclaims plugins | head`
    except OSError as error:
        _write_no_more()
        place = f"{error.filename}: " if error.filename else ""
        print(f"recclaims: {printable(place + (error.strerror or str(error)))}", file=sys.stderr)
        return 2
    return code


def _is_somewhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _write_no_more() -> None:
    """Let Python close a standard output that takes nothing more without a word."""
    with contextlib.suppress(OSError, ValueError):  # a program's own, without a file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "recclaims", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"recclaims {version('recclaims')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(command=command)
        return sub

    encode = add("encode", _encode, "compute an encoder's features for a dataset and store them")
    encode.add_argument("encoder", help="NAME or NAME:ARGUMENT; `recclaims plugins` lists the names")
    encode.add_argument(
        "--data", default="ml-100k", type=expanded, metavar="NAME|PATH", help="dataset (default: ml-100k)"
    )
    encode.add_argument(
        "--store",
        default=".recclaims",
        type=expanded,
        metavar="DIR",
        help="where results are kept (default: .recclaims)",
    )
    prepare = add("prepare", _prepare, "build a dataset from raw files, to be used by name afterwards")
    prepare.add_argument(
        "dataset", metavar="NAME:ARGUMENT", help="the dataset to build, for example amazon2023:Baby_Products"
    )
    prepare.add_argument(
        "--from", dest="raw", type=expanded, metavar="DIR", help="folder with the raw files (default: download them)"
    )
    prepare.add_argument(
        "--to",
        type=expanded,
        metavar="DIR",
        help="where prepared datasets are kept (default: $RECCLAIMS_DATA_DIR, or .recclaims/data)",
    )
    prepare.add_argument("--core", type=int, metavar="N", help="keep users and items with at least N interactions each")
    prepare.add_argument(
        "--lacking",
        metavar="POLICY",
        help="what to do with items without image or text: keep, drop, drop-imageless or drop-textless",
    )
    prepare.add_argument("--images", action="store_true", help="also download the items' images")
    prepare.add_argument("--max-bad", type=_count, default=0, metavar="N", help="skip up to N bad lines (default: 0)")
    encode.add_argument(
        TRUST, action="store_true", help="allow code shipped with a model's checkpoint to run (default: not allowed)"
    )
    keywords = add("keywords", _keywords, "report how well a catalogue's keyword answers follow the format")
    keywords.add_argument(
        "data", type=expanded, metavar="NAME|PATH", help="dataset whose items have answers in the field `lvlm`"
    )
    keywords.add_argument(
        "--domain",
        default="",
        type=expanded,
        metavar="NAME|PATH",
        help="domain whose slots to use (default: the items' own)",
    )
    add(
        "plugins",
        _plugins,
        "list the installed encoders, recommenders, datasets, controls, claims and reporters, and where they come from",
    )
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
    compare = add("compare", _compare, "compare two results.json files; exit with code 1 if a case got worse")
    compare.add_argument("old", type=expanded, help="results.json of the earlier run, or a baseline")
    compare.add_argument("new", type=expanded, help="results.json of the later run")
    pooled = add("pool", _pool, "pool the results of several data sets: the effect over data sets like these")
    pooled.add_argument("results", nargs="+", type=expanded, metavar="FILE", help="results.json files")
    pooled.add_argument("--format", default="text", metavar="NAME", help="text, markdown or html (default: text)")
    pooled.add_argument("--output", type=expanded, metavar="FILE", help="file to write (default: print)")
    schema = add("schema", _schema, "print the JSON Schema of results.json, or of a claim")
    schema.add_argument("what", nargs="?", choices=("results", "claim"), default="results", help="default: results")
    calibrate = add(
        "calibrate",
        _calibrate,
        "measure how often verdicts are wrong where the answer is known, and how often they find what is there: one "
        "recommender is trained with many assignments of features to items, none of them the real one",
    )
    calibrate.add_argument("--data", default="ml-100k", type=expanded, metavar="NAME|PATH", help="default: ml-100k")
    for what, name, text in (
        ("recommender", "freedom", "recommender whose verdicts to check"),
        ("features", "attributes", "encoder that it reads"),
        ("profile", "quick", "hyper-parameters: smoke, quick or paper"),
    ):
        calibrate.add_argument(f"--{what}", default=name, metavar="NAME", help=f"{text} (default: {name})")
    for what, count, text in (
        ("assignments", 12, "assignments of features to items, each trained on every split"),
        ("seeds", 10, "splits"),
        ("starts", 3, "starts of the twin on every split; 1 leaves it out"),
        ("studies", 1000, "studies of each kind to draw and judge"),
    ):
        calibrate.add_argument(f"--{what}", type=_count, default=count, metavar="N", help=f"{text} (default: {count})")
    calibrate.add_argument("--workers", type=_count, metavar="N", help="training processes (default: one per core)")
    calibrate.add_argument(
        "--device", default="cpu", metavar="cpu|cuda[:N]", help="where cells are trained (default: cpu)"
    )
    calibrate.add_argument(
        "--store",
        default=".recclaims",
        type=expanded,
        metavar="DIR",
        help="where results are kept (default: .recclaims)",
    )
    export = add("export", _export, "write a dataset with a replicate's split and features, for MMRec or RecBole")
    export.add_argument("dataset", type=expanded, help="NAME|PATH, as for --claims-data")
    export.add_argument("--format", required=True, metavar="mmrec|recbole", help="file format to write")
    export.add_argument("--to", required=True, type=expanded, metavar="DIR", help="folder to write, new or empty")
    export.add_argument(
        "--encoder",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[:ARGUMENT]",
        help="encoders whose features to write, one per modality",
    )
    export.add_argument("--seed", type=int, default=0, metavar="N", help="replicate whose split to write (default: 0)")
    export.add_argument(
        "--store",
        default=".recclaims",
        type=expanded,
        metavar="DIR",
        help="where results are kept (default: .recclaims)",
    )
    doctor = add("doctor", _doctor, "report what is missing on this machine and how to fix it")
    doctor.add_argument("--store", type=expanded, metavar="DIR", help="check every artefact in this store instead")
    doctor.add_argument(
        "--prune",
        action="store_true",
        help="with --store: remove damaged, unfinished and outdated artefacts, and unused locks",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return int(text)


def _prepare(options: argparse.Namespace) -> int:
    from tabulate import tabulate

    from recclaims.data.preparation import PrepareRequest, data_directory, prepare

    given = {key: getattr(options, key) for key in ("core", "lacking") if getattr(options, key) is not None}
    request = PrepareRequest(
        raw=Path(options.raw) if options.raw else None,
        data=Path(options.to) if options.to else data_directory(),
        images=options.images,
        max_bad=options.max_bad,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    prepared = prepare(options.dataset, given, request, registry())
    print(tabulate(prepared.rows, colalign=("left", "right"), intfmt=",", tablefmt="plain"))
    print("\n".join(prepared.notes))
    print(f"{prepared.path} {'already exists.' if prepared.already else 'is ready.'}")
    return 0


def _pipeline(options: argparse.Namespace) -> Pipeline:
    from recclaims.engine.pipeline import Pipeline
    from recclaims.engine.profile import Profile
    from recclaims.engine.settings import Settings
    from recclaims.store import Store

    settings = Settings(
        Profile.named("quick"), replicates=1, trust_remote_code=getattr(options, "trust_remote_code", False)
    )
    return Pipeline(settings, registry(), Store(Path(options.store).absolute()), _tell_encoding)


def _encode(options: argparse.Namespace) -> int:
    from recclaims.features.encoded import shown_made

    pipeline = _pipeline(options)
    facts = pipeline.encode(options.data, options.encoder).json("facts")
    print(
        f"{facts['encoder']}: {facts['items']:,} x {facts['dimension']:,}, {facts['imputed']:,} imputed, "
        f"{facts['zero_rows']:,} zero and {facts['duplicate_rows']:,} duplicate rows, "
        f"{facts.get('failed', 0):,} failed, {facts.get('truncated', 0):,} cut off, {facts['seconds']:.1f} s"
    )
    if facts.get("made"):
        print(f"made on {shown_made(facts['made'])}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from recclaims.interop.export import export

    place = Path(options.to)
    for path in export(_pipeline(options), options.dataset, options.format, place, options.encoder, options.seed):
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


def _keywords(options: argparse.Namespace) -> int:
    from recclaims._model.results import KeywordRow
    from recclaims.data.reference import open_source
    from recclaims.features.answer_types import of_kind
    from recclaims.lvlm.answers import Keywords
    from recclaims.lvlm.diagnosis import compliance, compliance_table, slot_records
    from recclaims.lvlm.parsing import parse_keywords
    from recclaims.reporting import tables

    dataset = open_source(options.data, registry()).load()
    known = dict.fromkeys(name for item in dataset.items for name in item.answers)
    names = of_kind(known, Keywords.spec.answers)
    if not names:
        raise RecclaimsError(f"{options.data}: no item has a keyword answer (answers: {', '.join(known) or 'none'})")
    rows, records = [], []
    for name in names:
        texts = [item.answers[name] for item in dataset.items if name in item.answers]
        encoder = Keywords(f"{name}?domain={options.domain}" if options.domain else name)
        encoder.prepare(dataset.items)
        rows += compliance({name: texts}, encoder.slots)
        found = slot_records([parse_keywords(text, encoder.slots) for text in texts], encoder.slots)
        records += [KeywordRow.of({"encoder": name, "dataset": dataset.name, **record}) for record in found]
    print(compliance_table(rows))
    print("\nBefore cleaning, by slot:")
    print(tables.plain(*tables.keyword_rows(records)))
    return 0


def _tell_encoding(progress: EncodingProgress) -> None:
    """A line on stderr after every chunk."""
    left = "" if progress.seconds_left is None else f", {timedelta(seconds=round(progress.seconds_left))} left"
    print(f"{progress.encoder}: {progress.done:,} of {progress.total:,} items{left}", file=sys.stderr, flush=True)


def _plugins(_: argparse.Namespace) -> int:
    from tabulate import tabulate

    from recclaims.data.source_spec import source_spec

    found = registry()
    rows = [(kind.removesuffix("s"), name, origin) for (kind, name), origin in found.origin.items()]
    print(tabulate(rows, headers=["kind", "name", "from"]))
    settable: list[tuple[str, str, str]] = []
    for name, factory in found.datasets.items():
        with contextlib.suppress(DatasetError):  # whoever asks for that dataset is told
            settable += [(name, f"?{key}=", str(one)) for key, one in source_spec(factory).parameters.items()]
    if settable:
        print("\n" + tabulate(settable, headers=["dataset", "parameter", "what it sets"]))
    for plugin in found.broken:
        print(f"\n{plugin}")
    return 1 if found.broken else 0


def _report(options: argparse.Namespace) -> int:
    from recclaims.reporting.files import rendered
    from recclaims.reporting.results import read

    reporter = registry().find("reporters", options.format, "--format")
    document = read(Path(options.results))
    with foreign(f"reporter '{options.format}' failed"):
        text = rendered(reporter(), document)
    _put(text, options.output)
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


def _pool(options: argparse.Namespace) -> int:
    from recclaims.pooling.across import pool_documents
    from recclaims.reporting.pooled import FORMATS
    from recclaims.reporting.results import read

    if options.format not in FORMATS:
        raise UnknownNameError.of("format", options.format, FORMATS, "--format")
    documents = {name: read(Path(name)) for name in dict.fromkeys(options.results)}
    _put(FORMATS[options.format](pool_documents(documents), documents), options.output)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from recclaims.reporting import changes as changed
    from recclaims.reporting import github
    from recclaims.reporting.baseline import compare
    from recclaims.reporting.results import read

    new = read(Path(options.new))
    changes = compare(read(Path(options.old)), new, options.old)
    print(changed.plain(changes))
    if github.here():
        print("\n".join(github.annotate(new, changes)))
        unwritten = github.write_summary(new, changes)
        if unwritten:
            print(f"recclaims: {unwritten}", file=sys.stderr)
    return 1 if any(change.worse for change in changes) else 0


def _schema(options: argparse.Namespace) -> int:
    import json

    from recclaims._model.claim import claim_schema
    from recclaims._model.results import json_schema

    made = claim_schema if options.what == "claim" else json_schema
    print(json.dumps(made(), indent=2, ensure_ascii=False))
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from recclaims.calibration.bank import Asked
    from recclaims.calibration.calibrate import calibrate
    from recclaims.engine.device import device_of
    from recclaims.engine.pipeline import Pipeline
    from recclaims.engine.profile import Profile, profile_names
    from recclaims.engine.settings import Settings, default_workers
    from recclaims.progress import bars
    from recclaims.reporting.calibration import render
    from recclaims.store import Store

    if options.profile not in profile_names():
        raise UnknownNameError.of("profile", options.profile, profile_names(), "--profile")
    asked = Asked(
        options.data, options.recommender, options.features, options.assignments, options.seeds, options.starts
    )
    settings = Settings(
        Profile.named(options.profile),
        device=device_of(options.device, option="--device"),
        workers=default_workers() if options.workers is None else options.workers,
    )
    pipeline = Pipeline(settings, registry(), Store(Path(options.store).absolute()), _tell_encoding)
    with bars() as tell:
        tables = calibrate(asked, options.studies, pipeline, tell)
    print(render(asked, options.profile, options.studies, tables))
    return 0


def _check_store(options: argparse.Namespace) -> int:
    """Check every artefact of a store; exit code 1 where one is damaged, removed or not."""
    from tabulate import tabulate

    from recclaims.store import Store
    from recclaims.store_check import check, prune

    store = Store(Path(options.store).absolute())
    found = check(store)
    if found.rows:
        print(tabulate(found.rows, headers=["kind", "artefacts", "bytes"], intfmt=","))
    for reason in found.damaged.values():
        print(f"damaged  {reason}")
    for path, reason in found.outdated.items():
        print(f"outdated {path}: {reason}")
    print(
        f"{found.whole.total():,} whole, {len(found.damaged):,} damaged, {len(found.outdated):,} outdated, "
        f"{len(found.drafts):,} drafts of dead processes, {len(found.locks):,} locks."
    )
    if options.prune:
        print(f"{prune(store, found):,} removed.")
    return 1 if found.damaged else 0


def _doctor(options: argparse.Namespace) -> int:
    """Check packages, the ML-100K data and every encoder's weights; or a store."""
    if options.store is not None:
        return _check_store(options)
    if options.prune:
        raise RecclaimsError("--prune needs --store DIR")
    problems = 0
    for package in ("torch", "torchvision", "transformers", "sentence_transformers", "recbole"):
        if importlib.util.find_spec(package) is None:
            problems += 1
            print(f"missing  {package}: pip install {package.replace('_', '-')}")
        else:
            print(f"ok       {package} {version(package.replace('_', '-'))}")
    for name in registry().encoders:
        try:
            reason = why_unavailable(make_encoder(name, registry()))
        except (UnknownNameError, NotAvailableError) as error:
            reason = str(error)
        except RecclaimsError as error:
            problems += 1
            print(f"broken   {error}")
            continue
        print(f"absent   encoder {name}: {reason}" if reason else f"ok       encoder {name}")
    for plugin in registry().broken:
        problems += 1
        print(f"broken   {plugin}")
    print("recclaims is ready." if not problems else f"{problems} problems.")
    return 1 if problems else 0
