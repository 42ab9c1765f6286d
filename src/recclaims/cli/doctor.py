"""Commands that say what is here and what is missing: doctor, plugins."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
from importlib.metadata import version
from pathlib import Path

from recclaims.cli.arguments import Add
from recclaims.errors import DatasetError, NotAvailableError, RecclaimsError, UnknownNameError
from recclaims.features.resolve import make_encoder, why_unavailable
from recclaims.paths import expanded
from recclaims.plugin_manager import registry
from recclaims.required import check_recbole


def add_commands(add: Add) -> None:
    """Declare them."""
    doctor = add("doctor", _doctor, "report what is missing on this machine and how to fix it")
    doctor.add_argument("--store", type=expanded, metavar="DIR", help="check every artefact in this store instead")
    doctor.add_argument(
        "--prune",
        action="store_true",
        help="with --store: remove damaged, unfinished and outdated artefacts, and unused locks",
    )
    add(
        "plugins",
        _plugins,
        "list the installed encoders, recommenders, datasets, controls, claims and reporters, and where they come from",
    )


def _doctor(options: argparse.Namespace) -> int:
    """Check packages, the ML-100K data and every encoder's weights; or a store."""
    if options.store is not None:
        return _check_store(options)
    if options.prune:
        raise RecclaimsError("--prune needs --store DIR")
    problems = 0
    for package in ("torch", "torchvision", "transformers", "sentence_transformers"):
        if importlib.util.find_spec(package) is None:
            problems += 1
            print(f"missing  {package}: pip install {package.replace('_', '-')}")
        else:
            print(f"ok       {package} {version(package.replace('_', '-'))}")
    try:
        print(f"ok       recbole {check_recbole()}")
    except NotAvailableError as error:
        problems += 1
        print(f"missing  {error}")
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
