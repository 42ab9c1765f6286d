"""Feed broken input to everything that is read: what comes of it is a result, or a RecclaimsError of one line.

    PYTHONPATH=src python -W ignore -m tests.fuzz --inputs 100000 --seconds 1500 --seed 0

runs all readers in turn and tells how many inputs each took, refused, or stumbled over; exit code 1 where any did.
A stumble is told with the reader, the number of the input and the error: `--only READER --first NUMBER --inputs 1`
makes that input again. tests/test_fuzz.py does a few hundred of each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random

from recclaims.errors import LONGEST, RecclaimsError

from .fuzz_readers import READERS

#: An input that takes longer is a stumble, too: so little to read must not keep anybody waiting.
SLOW = 10.0


def one(reader, number, seed, place):
    """Give a reader its input of this number: "result", "refused", or what went wrong."""
    random = Random(f"{reader.__name__} {seed} {number}")  # noqa: S311 - inputs, not secrets
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            # As a user runs it: Python's own filters, of which a library's warning is no fault.
            warnings.simplefilter("ignore")
            reader(random, place)
        found = "result"
    except RecclaimsError as error:
        message = str(error)
        found = "refused"
        if not message.strip() or not message.isprintable() or len(message) > LONGEST + 1:
            return f"its refusal is no printable line: {message!r}"
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    taken = time.process_time() - started
    return found if taken < SLOW else f"took {taken:.0f} s"


def run(reader, numbers, seed, place, deadline=float("inf")):
    """Run a reader's inputs until the deadline: counts of "result" and "refused", and the stumbles by number."""
    counts, stumbles = Counter(), {}
    for number in numbers:
        if time.monotonic() > deadline:
            break
        found = one(reader, number, seed, place)
        if found in ("result", "refused"):
            counts[found] += 1
        else:
            stumbles[number] = found
    return counts, stumbles


def main(arguments=None):
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="in total, shared out by what an input costs")
    parser.add_argument("--seconds", type=float, default=1500, help="in total")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[reader.__name__ for reader in READERS])
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    options = parser.parse_args(arguments)
    chosen = {r: share for r, share in READERS.items() if options.only in (None, r.__name__)}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for reader, share in chosen.items():
            n = max(1, round(options.inputs * share / sum(chosen.values())))
            place = Path(folder) / reader.__name__
            place.mkdir()
            started = time.monotonic()
            deadline = started + options.seconds / len(chosen)
            numbers = range(options.first, options.first + n)
            counts, stumbles = run(reader, numbers, options.seed, place, deadline)
            total = counts.total() + len(stumbles)
            print(
                f"{reader.__name__:12} {total:7,} inputs: {counts['result']:,} read, {counts['refused']:,} refused, "
                f"{len(stumbles):,} stumbles; {time.monotonic() - started:.0f} s",
                flush=True,
            )
            shown = {}
            for number, found in stumbles.items():
                shown.setdefault(found.rpartition("(")[2], (number, found))
            for number, found in shown.values():
                print(f"    {number}: {found[:300]}", flush=True)
            failed = failed or bool(stumbles)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
