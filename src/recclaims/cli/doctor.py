"""Commands that say what is here and what is missing: doctor, plugins."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import inspect
import os
import textwrap
from importlib.metadata import version
from pathlib import Path

from recclaims._model.control import ControlDeclaration
from recclaims.cli.arguments import Add
from recclaims.data.folder import MODALITIES
from recclaims.engine.settings import default_workers
from recclaims.errors import (
    DatasetError,
    NotAvailableError,
    RecclaimsError,
    UnknownNameError,
    foreign,
    printable,
)
from recclaims.features.devices import has_gpu
from recclaims.features.resolve import make_encoder, why_unavailable
from recclaims.features.spec import A_MODEL, spec_of_factory
from recclaims.paths import expanded
from recclaims.plugin_manager import Registry, registry
from recclaims.recommenders.spec import Recommender
from recclaims.reporting.words import counted
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
    """Check the machine, packages and every encoder's weights; or a store."""
    if options.store is not None:
        return _check_store(options)
    if options.prune:
        raise RecclaimsError("--prune needs --store DIR")
    _machine()
    problems = _missing_packages()
    for name in registry().encoders:
        shown = name
        try:
            reason = why_unavailable(make_encoder(name, registry()))
            if reason and (named := _named(name)):
                shown = f"{name}:NAME ({named})"
                reason = why_unavailable(make_encoder(f"{name}:NAME", registry()))
        except (UnknownNameError, NotAvailableError) as error:
            reason = str(error)
        except RecclaimsError as error:
            problems += 1
            print(f"broken   {error}")
            continue
        print(f"absent   encoder {shown}: {reason}" if reason else f"ok       encoder {shown}")
    for plugin in registry().broken:
        problems += 1
        print(f"broken   {plugin}")
    if problems:
        print(f"{counted(problems, 'problem')}. Next: do what the lines above say, then run recclaims doctor again.")
        return 1
    print("recclaims is ready. Next: pytest suite --claims-profile smoke, or recclaims init my-shop for your own data.")
    return 0


def _named(encoder: str) -> str:
    """What the argument of an encoder has to name, as an answer of the data or a file; empty: none, or a model."""
    needs = spec_of_factory(registry().encoders[encoder]).requires or frozenset()
    return ", ".join(sorted(needs.difference(MODALITIES, {A_MODEL})))


#: Bytes of what machines call a GB of memory.
_GB = 2**30


def _machine() -> None:
    """Say what computes: processors, their memory, and every GPU with its own."""
    print(f"ok       {counted(default_workers(), 'processor')}, {_memory() / _GB:.1f} GB of memory")
    _bfloat16()
    if not has_gpu():
        print("absent   GPU: all is computed on processors, on which a vision-language model takes long for each item")
        return
    if importlib.util.find_spec("torch") is None:
        return  # it is said to be missing
    import torch

    for number in range(torch.cuda.device_count()):
        free, whole = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        print(f"ok       GPU cuda:{number} {name}, {whole / _GB:.1f} GB of memory, {free / _GB:.1f} GB of it free")
    if not torch.cuda.device_count():
        print(f"absent   GPU: this machine has one that torch {torch.__version__} cannot use; see nvidia-smi")


#: Of float32's time: what is gained above is not worth the digits.
_PAYS = 0.8


def _bfloat16() -> None:
    """Say whether `projection_dtype` pays, as measured: processors differ by a factor of ten."""
    if importlib.util.find_spec("torch") is None:
        return
    from recclaims.recommenders._kernels.precision import bfloat16_share

    share = bfloat16_share()
    told = 'projection_dtype = "bfloat16" pays' if share < _PAYS else "leave projection_dtype at float32"
    print(f"ok       a product in bfloat16 takes {share:.2f} of the time of one in float32 here: {told}")


def _memory() -> int:
    """Bytes of memory of the machine, or what a container may use of it."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # not in a container, or without a limit: "max"
            whole = min(whole, int(Path("/sys/fs/cgroup", limit).read_text()))
    return whole


def _missing_packages() -> int:
    """Say of each large package whether it is here; how many are not."""
    missing = 0
    for package in ("torch", "torchvision", "transformers", "sentence_transformers"):
        if importlib.util.find_spec(package) is None:
            missing += 1
            print(f"missing  {package}: pip install {package.replace('_', '-')}")
        else:
            print(f"ok       {package} {version(package.replace('_', '-'))}")
    try:
        print(f"ok       recbole {check_recbole()}")
    except NotAvailableError as error:
        missing += 1
        print(f"missing  {error}")
    return missing


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


#: What a line of `recclaims plugins` has room for.
_ONE_LINE = 60


def _described(found: Registry, kind: str, name: str) -> tuple[str, str]:
    """A plugin's modality, where it has one, and what it is: the first sentence of its documentation."""
    plugin = getattr(found, kind).get(name)
    with foreign(f"{kind.removesuffix('s')} '{name}' cannot be described"):  # somebody else's code answers
        modality = str(getattr(plugin, "modality", None) or "")
        if isinstance(plugin, Recommender):
            text = _recommender(plugin)
        elif isinstance(plugin, ControlDeclaration):
            text = f"keeps {plugin.preserves}"
        else:
            text = getattr(plugin, "statement", None) or inspect.getdoc(plugin) or ""
        sentence = " ".join(str(text).split("\n\n")[0].split()).partition(". ")[0].rstrip(".")
        return printable(modality), printable(textwrap.shorten(sentence, _ONE_LINE, placeholder=" ..."))


def _recommender(plugin: Recommender) -> str:
    """What a recommender declares, in a phrase; its class is not imported, which takes seconds."""
    trained = "not trained" if plugin.training_free else "trained"
    reads = "no features" if not plugin.content else "sets of attributes" if plugin.reads == "sets" else "features"
    return f"reads {reads}; {trained}" + (f"; as in {plugin.flavour}" if plugin.flavour else "")


def _plugins(_: argparse.Namespace) -> int:
    from tabulate import tabulate

    from recclaims.data.source_spec import source_spec

    found = registry()
    rows = [
        (kind.removesuffix("s"), name, *_described(found, kind, name), origin)
        for (kind, name), origin in found.origin.items()
    ]
    print(tabulate(rows, headers=["kind", "name", "modality", "what it is", "from"], disable_numparse=True))
    settable: list[tuple[str, str, str]] = []
    for name, factory in found.datasets.items():
        with contextlib.suppress(DatasetError):  # whoever asks for that dataset is told
            settable += [(name, f"?{key}=", str(one)) for key, one in source_spec(factory).parameters.items()]
    if settable:
        print("\n" + tabulate(settable, headers=["dataset", "parameter", "what it sets"]))
    for plugin in found.broken:
        print(f"\n{plugin}")
    return 1 if found.broken else 0
