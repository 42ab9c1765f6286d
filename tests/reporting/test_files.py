"""Files of reports: whole or not there, and nothing beside them."""

import os

import pytest

from recclaims.reporting.files import draft_of, write_atomically

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
