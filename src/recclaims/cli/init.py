"""The command `init`: a folder to fill with one's own data, which runs as it is."""

from __future__ import annotations

import argparse
import json
import random
import shlex
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from recclaims.cli.arguments import Add
from recclaims.paths import expanded
from recclaims.reporting.files import write_atomically

_TEMPLATES = resources.files("recclaims.cli") / "templates"
#: What runs the folder, from within it; the workflow runs the same.
RUN = "pytest --pyargs recclaims.suite --claims-data data --claims-file claims.toml --claims-profile smoke"
SELECTION = "noise or content or titles"
#: The size of the example, and the slot that decides which of its items a made-up person has.
_PEOPLE, _ITEMS, _EACH, _COLOURS = 120, 40, 10, ("red", "green", "blue", "white")


def add_commands(add: Add) -> None:
    """Declare it."""
    parser = add("init", _init, "make a folder for your own data, with a small made-up example that runs as it is")
    parser.add_argument("folder", type=expanded, metavar="DIR", help="folder to make; what is in it stays as it is")


def _init(options: argparse.Namespace) -> int:
    """Write what is missing in the folder, and say what to type next."""
    folder = Path(options.folder)
    for name, content in _FILES.items():
        path = folder / name
        if path.is_symlink() or path.exists():
            print(f"kept     {path}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content())
        print(f"written  {path}")
    print(
        f"\nThe example is made up: its people like things for their colour. Judge it now, in a few minutes:\n\n"
        f"    cd {shlex.quote(str(folder))} && {RUN} -m {shlex.quote(SELECTION)}\n\n"
        "Then put your own items and interactions into data/ and your own claims into claims.toml, and run it again."
    )
    return 0


def _template(name: str) -> Callable[[], str]:
    return lambda: (_TEMPLATES / name).read_text(encoding="utf-8")


def _items() -> str:
    lines = []
    for number in range(_ITEMS):
        colour = _COLOURS[number % len(_COLOURS)]
        item = {"item_id": f"thing-{number:02}", "title": f"Made-up {colour} thing {number}", "colour": [colour]}
        lines.append(json.dumps(item))
    return "\n".join(lines) + "\n"


def _interactions() -> str:
    """Everybody mostly has things of one colour, so that content is there to be found."""
    luck = random.Random(0)  # noqa: S311 - an example, the same for all
    lines = ["user_id,item_id,rating,timestamp"]
    for person in range(_PEOPLE):
        liked = [n for n in range(_ITEMS) if n % len(_COLOURS) == person % len(_COLOURS)]
        others = [n for n in range(_ITEMS) if n not in liked]
        chosen = luck.sample(liked, _EACH - 3) + luck.sample(others, 3)
        for n in chosen:
            rating, seconds = luck.randint(3, 5), 1_700_000_000 + luck.randrange(10**7)
            lines.append(f"person-{person:03},thing-{n:02},{rating},{seconds}")
    return "\n".join(lines) + "\n"


#: What the folder gets, and what makes each file. A file more is a template more, and a line here.
_FILES: dict[str, Callable[[], str]] = {
    "data/dataset.toml": _template("dataset.toml"),
    "data/items.jsonl": _items,
    "data/interactions.csv": _interactions,
    "claims.toml": _template("claims.toml"),
    ".github/workflows/claims.yml": _template("claims.yml"),
}
