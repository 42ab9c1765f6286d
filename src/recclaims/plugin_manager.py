"""Finds what is installed: the built-ins and every distribution with an entry point in the group `recclaims`."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol

import pluggy

from recclaims import hookspecs
from recclaims.errors import RecclaimsError, UnknownNameError, foreign
from recclaims.offers import factory_of, listed

#: Built-ins register through the same hooks as everybody else.
BUILTINS = tuple(
    f"recclaims.{floor}.builtin"
    for floor in ("data", "features", "lvlm", "recommenders", "planning", "reporting", "amazon2023")
)
#: The origin of what they bring, without a version: a release does not change keys.
BUILTIN = "recclaims"
KINDS = ("encoders", "recommenders", "datasets", "controls", "claims", "reporters")


@dataclass(frozen=True)
class Plugin:
    """A distribution that offers hooks, and why it, or what it is `without`, could not be used, if so."""

    name: str
    distribution: str
    error: str | None = None
    without: bool = False

    def __str__(self) -> str:
        fate = "is used in part" if self.without else "is left out"
        return f"plugin {self.name} ({self.distribution}) {fate}: {self.error}"


class Brought(Protocol):
    """Objects that a program brought by itself, see own_objects."""

    @property
    def origin(self) -> Mapping[tuple[str, str], str]:
        """By kind and name, what the store knows each by."""
        ...

    def packed(self) -> bytes:
        """As bytes for another process of this program."""
        ...


@dataclass
class Registry:
    """Every named factory by kind and name, the plugins they came from, and what a program brought by itself."""

    encoders: dict[str, Any] = field(default_factory=dict)
    recommenders: dict[str, Any] = field(default_factory=dict)
    datasets: dict[str, Any] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    reporters: dict[str, Any] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)
    origin: dict[tuple[str, str], str] = field(default_factory=dict)
    own: Brought | None = None
    #: Encoders that were asked what they are, see features.resolve; not those of another registry.
    known_encoders: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find(self, kind: str, name: str, where: str = "") -> Any:
        """Return the factory of `kind` called `name`; raise UnknownNameError with the nearest name otherwise."""
        known: dict[str, Any] = getattr(self, kind)
        if name not in known:
            raise UnknownNameError.of(kind.removesuffix("s"), name, known, where)
        return known[name]

    @property
    def broken(self) -> list[Plugin]:
        """Plugins that failed to load, whole or in part; the others work without them."""
        return [plugin for plugin in self.plugins if plugin.error]

    def add(self, manager: pluggy.PluginManager, plugin: Plugin) -> None:
        """Ask one registered plugin for its factories; what goes wrong is recorded against it alone."""
        found: list[tuple[str, Any]] = []
        faults: list[str] = []
        try:
            with foreign("it failed"):
                module = manager.get_plugin(plugin.name)
                for impl in (caller for caller in manager.get_hookcallers(module) or () if caller.spec is None):
                    # A misspelt hook would otherwise be a plugin that silently adds nothing.
                    raise UnknownNameError.of("hook", impl.name, (f"recclaims_{kind}" for kind in KINDS))
                for kind in KINDS:
                    hook = getattr(manager.hook, f"recclaims_{kind}")
                    mine = (impl for impl in hook.get_hookimpls() if impl.plugin is module)
                    found += [(kind, offer) for impl in mine for offer in listed(kind, impl.function())]
        except RecclaimsError as error:
            self.plugins.append(Plugin(plugin.name, plugin.distribution, str(error)))
            return
        for kind, offer in found:
            try:
                factory = factory_of(kind, offer)
                if factory.name in getattr(self, kind):
                    owner = self.origin[kind, factory.name]
                    raise RecclaimsError(
                        f"{kind.removesuffix('s')} '{factory.name}' is already defined by {owner}; give it another name"
                    )
            except RecclaimsError as error:
                faults.append(str(error))
                continue
            getattr(self, kind)[factory.name] = factory
            self.origin[kind, factory.name] = plugin.distribution
        error_line = "; ".join(faults) or None
        self.plugins.append(Plugin(plugin.name, plugin.distribution, error_line, without=0 < len(faults) < len(found)))


def load(builtins: tuple[str, ...] = BUILTINS, group: str = "recclaims") -> Registry:
    """Load built-ins and third-party plugins; a broken one is recorded in `Registry.broken`.

    The environment variable RECCLAIMS_PLUGINS, when set, is a comma-separated list of the entry-point
    names to load; empty loads none.
    """
    manager = pluggy.PluginManager("recclaims")
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    for module_name in builtins:
        manager.register(importlib.import_module(module_name), module_name)
        registry.add(manager, Plugin(module_name, BUILTIN))
        if registry.broken:
            raise RuntimeError(f"built-in {module_name}: {registry.broken[0].error}")
    wanted = os.environ.get("RECCLAIMS_PLUGINS")
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        if wanted is not None and entry.name not in wanted.split(","):
            continue
        distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown distribution"
        try:
            with foreign("it cannot be imported"):
                manager.register(entry.load(), entry.name)
        except RecclaimsError as error:
            registry.plugins.append(Plugin(entry.name, distribution, str(error)))
        else:
            registry.add(manager, Plugin(entry.name, distribution))
    return registry


@functools.cache
def registry() -> Registry:
    """What is installed, loaded once a process."""
    return load()
