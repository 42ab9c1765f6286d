"""How large the benchmarks are.

They measure at the documented size, with RECCLAIMS_SCALE=1 in the environment (`tox -e benchmarks`). Where tests ask
only whether they still run, and whether both sides compute the same, each takes a small share of it.
"""

import os


def share(small):
    """What part of the documented size is run: RECCLAIMS_SCALE, else this small one."""
    return float(os.environ.get("RECCLAIMS_SCALE", small))


#: Whether what a benchmark says may be quoted.
WHOLE = share(0) == 1
