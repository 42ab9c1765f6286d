"""After the benchmarks: what this library needed, what others needed in the same run, and the estimated limit."""

import os

import torch
from tabulate import tabulate

from . import limits, summary

OURS = "recclaims"


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    for title, header, rows in [*_beside(session.benchmarks if session else []), *summary.TABLES]:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"{title} ({torch.get_num_threads()} threads of {os.cpu_count()} cores)")
        terminalreporter.write_line("")
        table = tabulate(rows, header, tablefmt="pipe", floatfmt=".3g", missingval="")
        terminalreporter.write_line(table)


def _beside(benchmarks):
    """One row for each group in which others did the same work."""
    groups = {}
    for bench in benchmarks:
        if bench.params and "who" in bench.params and bench.stats.rounds:
            groups.setdefault(bench.group, []).append(bench)
    rows = []
    for group, members in groups.items():
        ours = next((b for b in members if b.params["who"] == OURS), None)
        if ours is None:
            continue
        work = ours.extra_info.get("work")
        limit = limits.seconds(**work) if work else None
        for peer in members:
            if peer is not ours:
                ratio = peer.stats.min / ours.stats.min
                rows.append([group, ours.stats.min, peer.params["who"], peer.stats.min, ratio, limit])
    if rows:
        yield "Seconds of the same work in one run", ["work", OURS, "peer", "peer, s", "ratio", "estimated limit"], rows
