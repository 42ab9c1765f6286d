"""Commands that prepare data and features: prepare, encode, export, keywords."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.cli.arguments import Add, add_store, count, tell_encoding
from recclaims.errors import RecclaimsError
from recclaims.lvlm.checkpoints import TRUST
from recclaims.paths import expanded
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims.engine.pipeline import Pipeline


def add_commands(add: Add) -> None:
    """Declare them."""
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
    prepare.add_argument("--max-bad", type=count, default=0, metavar="N", help="skip up to N bad lines (default: 0)")
    encode = add("encode", _encode, "compute an encoder's features for a dataset and store them")
    encode.add_argument("encoder", help="NAME or NAME:ARGUMENT; `recclaims plugins` lists the names")
    encode.add_argument(
        "--data", default="ml-100k", type=expanded, metavar="NAME|PATH", help="dataset (default: ml-100k)"
    )
    add_store(encode)
    encode.add_argument(
        "--answers",
        type=expanded,
        metavar="FILE",
        help="also write what a model answered about each item to a new JSONL file, for --claims-answers NAME=FILE",
    )
    encode.add_argument(
        TRUST, action="store_true", help="allow code shipped with a model's checkpoint to run (default: not allowed)"
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
    add_store(export)
    keywords = add("keywords", _keywords, "report how well a catalogue's keyword answers follow the format")
    keywords.add_argument(
        "data", type=expanded, metavar="NAME|PATH", help="dataset whose items have answers in the field `lvlm`"
    )
    keywords.add_argument(
        "--answers",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="answers in a CSV, TSV or JSONL file beside the dataset, repeatable, as for --claims-answers",
    )
    keywords.add_argument(
        "--domain",
        default="",
        type=expanded,
        metavar="NAME|PATH",
        help="domain whose slots to use (default: the items' own)",
    )


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
    return Pipeline(settings, registry(), Store(Path(options.store).absolute()), tell_encoding)


def _encode(options: argparse.Namespace) -> int:
    from recclaims.data.answers_file import answers_text
    from recclaims.features.encoded import shown_made
    from recclaims.reporting.files import write_atomically

    pipeline = _pipeline(options)
    place = Path(options.answers) if options.answers else None
    if place and place.exists():
        raise RecclaimsError(f"{place} already exists; name a new file for the answers")
    facts = pipeline.encode(options.data, options.encoder).json("facts")
    print(
        f"{facts['encoder']}: {facts['items']:,} x {facts['dimension']:,}, {facts['imputed']:,} imputed, "
        f"{facts['zero_rows']:,} zero and {facts['duplicate_rows']:,} duplicate rows, "
        f"{facts.get('failed', 0):,} failed, {facts.get('truncated', 0):,} cut off, {facts['seconds']:.1f} s"
    )
    partly = pipeline.partly_imputed(options.data, options.encoder)
    if partly:
        print(f"{partly:,} items without the image or the text: that half is imputed")
    gap = pipeline.modality_gap(options.data, options.encoder)
    if gap:
        print(f"images and texts in one space: {gap.line}")
    if facts.get("made"):
        print(f"made on {shown_made(facts['made'])}")
    if place:
        items = pipeline.dataset(options.data).items
        records = pipeline.features(options.data, options.encoder).records
        answers = {one.item_id: record["text"] for one, record in zip(items, records, strict=False) if "text" in record}
        if not answers:
            raise RecclaimsError(f"encoder '{options.encoder}' gives no answers, so {place} was not written")
        try:
            write_atomically(place, answers_text(answers))
        except OSError as error:
            raise RecclaimsError(f"{place} cannot be written: {error.strerror or error}") from None
        print(f"{place}: {len(answers):,} answers, to be read by --claims-answers NAME={place}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from recclaims.interop.export import export

    place = Path(options.to)
    for path in export(_pipeline(options), options.dataset, options.format, place, options.encoder, options.seed):
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


def _keywords(options: argparse.Namespace) -> int:
    from recclaims._model.results import KeywordRow
    from recclaims.data.answer_types import of_kind
    from recclaims.data.beside import with_content
    from recclaims.data.reference import open_source
    from recclaims.lvlm.answers import Keywords
    from recclaims.lvlm.diagnosis import compliance, compliance_table, slot_records
    from recclaims.lvlm.parsing import parse_keywords
    from recclaims.reporting import tables

    reference = with_content(options.data, options.answers, where="--answers")
    dataset = open_source(reference, registry()).load()
    known = dict.fromkeys(name for item in dataset.items for name in item.answers)
    names = of_kind(known, Keywords.spec.answers)
    if not names:
        raise RecclaimsError(f"{options.data}: no item has a keyword answer (answers: {', '.join(known) or 'none'})")
    for note in dataset.notes:
        print(note)
    rows, records = [], []
    for name in names:
        texts = [item.answers[name] for item in dataset.items if name in item.answers]
        encoder = Keywords(f"{name}?domain={options.domain}" if options.domain else name)
        encoder.prepare(dataset.items)
        rows += compliance({name: texts}, encoder.slots)
        found = slot_records([parse_keywords(text, encoder.slots) for text in texts], encoder.slots, texts=texts)
        records += [KeywordRow.of({"encoder": name, "dataset": dataset.name, **record}) for record in found]
    print(compliance_table(rows))
    print("\nBefore cleaning, by slot:")
    print(tables.plain(*tables.keyword_rows(records)))
    return 0
