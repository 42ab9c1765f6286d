"""Files of reports: whole or not there, and nothing beside them."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from recclaims.errors import RecclaimsError
from recclaims.interop.tables import write_table
from recclaims.reporting import results
from recclaims.reporting.files import draft_of, write_atomically
from recclaims.store import Store

from .documents import document

DEAD = 999999999


def test_what_is_raised_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "page.html"
    write_atomically(path, "old")

    def fail():
        with draft_of(path) as draft:
            draft.write_text("new, but")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_a_full_disk_under_a_report_or_an_export_is_one_of_ours(tmp_path):
    """Polars writes them, whose errors are no OSError."""
    draft = tmp_path / f".per_user.parquet.{Store.draft_prefix()}"
    draft.symlink_to("/dev/full")
    nothing = SimpleNamespace(outcome=SimpleNamespace(results={}), judged={})
    with pytest.raises(RecclaimsError, match=r"cannot write the report: .*[Nn]o space left"):
        results.write(document(), nothing, tmp_path)
    with pytest.raises(OSError, match=r"[Nn]o space left"):
        write_table(Path("/dev/full"), {"a": ["x"] * 100_000})


def test_drafts_of_the_dead_are_removed_and_those_of_others_stay(tmp_path):
    path, machine = tmp_path / "page.html", os.uname().nodename
    dead, living, elsewhere, other = (
        tmp_path / name
        for name in (
            f".page.html.{machine}-{DEAD}-",
            f".page.html.{machine}-{os.getppid()}-",
            f".page.html.{machine}-2-{DEAD}-",
            ".page.html.backup",
        )
    )
    for draft in (dead, living, elsewhere, other):
        draft.touch()
    write_atomically(path, "new")
    assert sorted(tmp_path.iterdir()) == sorted([path, living, elsewhere, other])
