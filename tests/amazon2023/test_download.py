import json
import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from recclaims.amazon2023.download import download, download_raw
from recclaims.amazon2023.web import LaterError, NotAllowedError, Web
from recclaims.errors import NotAvailableError, StoreError, UnknownNameError

CONTENT = os.urandom(3_000_000)
PATH = "/raw/review_categories/Software.jsonl.gz"


@pytest.fixture
def fetch(server, tmp_path):
    server.files[PATH] = CONTENT
    said = []

    def run(path=PATH, **changes):
        download(server.url + path, tmp_path / "x.gz", server.web(**changes), said.append)
        return said

    run.target = tmp_path / "x.gz"
    return run


def test_a_whole_file(fetch, server):
    fetch()
    assert fetch.target.read_bytes() == CONTENT
    assert [path.name for path in fetch.target.parent.iterdir()] == ["x.gz"]
    assert server.requests == [(PATH, None)]


def test_it_is_continued_where_it_broke_off(fetch, server):
    server.script[PATH] = [("drop", 1_000_000), ("drop", 500_000)]
    said = fetch()
    assert fetch.target.read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=1000000-", "bytes=1500000-"]
    assert sum("trying again" in line for line in said) == 2


def test_another_run_continues(fetch, server):
    server.script[PATH] = [("drop", 1_000_000), 503, 503]
    with pytest.raises(NotAvailableError, match=r"the server answered 503 \(3 times in a row\)"):
        fetch()
    assert not fetch.target.exists()
    fetch()
    assert fetch.target.read_bytes() == CONTENT
    assert server.requests[-1] == (PATH, "bytes=1000000-")


def test_what_arrived_whole_before_a_crash_is_not_asked_for_again(fetch, server):
    part = fetch.target.with_name("x.gz.part")
    fetch()
    n_requests = len(server.requests)
    fetch.target.rename(part)
    note = {"url": server.url + PATH, "total": len(CONTENT), "version": "1"}
    part.with_name("x.gz.part.json").write_text(json.dumps(note))
    fetch()
    assert fetch.target.read_bytes() == CONTENT
    assert len(server.requests) == n_requests


def test_another_version_is_begun_anew(fetch, server):
    server.script[PATH] = [("drop", 1_000_000), 404]
    with pytest.raises(NotAvailableError, match="answered 404"):
        fetch()
    server.files[PATH], server.etag = CONTENT[::-1], '"2"'
    fetch()
    assert fetch.target.read_bytes() == CONTENT[::-1]


def test_a_shorter_version_under_the_same_tag_is_begun_anew(fetch, server):
    server.script[PATH] = [("drop", 1_000_000), 404]
    with pytest.raises(NotAvailableError):
        fetch()
    server.files[PATH] = CONTENT[:500_000]
    fetch()
    assert fetch.target.read_bytes() == CONTENT[:500_000]


def test_a_longer_version_under_the_same_tag_is_begun_anew(fetch, server):
    server.script[PATH] = [("drop", 1_000_000), 404]
    with pytest.raises(NotAvailableError):
        fetch()
    server.files[PATH] = CONTENT[::-1] + b"more"
    fetch()
    assert fetch.target.read_bytes() == CONTENT[::-1] + b"more"


def test_a_server_without_ranges_begins_anew(fetch, server):
    server.ranges = False
    server.script[PATH] = [("drop", 1_000_000)]
    fetch()
    assert fetch.target.read_bytes() == CONTENT


@pytest.mark.parametrize("damage", [b"", b"{", b'{"url": 3}', b"[]", b'{"url": "x", "total": 5, "version": "y"}'])
def test_a_part_without_a_sound_note_is_begun_anew(fetch, damage):
    fetch.target.with_name("x.gz.part").write_bytes(b"rubbish")
    fetch.target.with_name("x.gz.part.json").write_bytes(damage)
    fetch()
    assert fetch.target.read_bytes() == CONTENT


def test_a_length_that_never_arrives_is_given_up(fetch, server):
    server.script[PATH] = [("promise", 10)] * 20
    with pytest.raises(NotAvailableError, match="times in a row") as caught:
        fetch()
    assert "\n" not in str(caught.value)
    assert not fetch.target.exists()


def test_it_waits_longer_each_time_and_as_long_as_it_is_told(fetch, server):
    server.script[PATH] = [503] * 10
    with pytest.raises(NotAvailableError):
        fetch(tries=6)
    # The server asks for seven seconds.
    assert len(server.waits) == 5
    assert server.waits[0] == 7
    assert server.waits[4] > server.waits[0]
    assert max(server.waits) <= 120


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("30", 30, 30),
        ("100000", 120, 120),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=3600), usegmt=True), 120, 120),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
        (None, 0, 0),
    ],
    # By name: an hour from now is another date in every process that collects.
    ids=["30 s", "too long", "a date too far", "a date long ago", "a word", "a negative", "nothing"],
)
def test_a_server_may_ask_in_seconds_or_by_a_date_and_no_more_than_two_minutes_are_waited(asked, least, most):
    waits = []
    web = Web(pause=waits.append)
    error = LaterError("the server answered 503", asked)
    web.wait(web.retries().increment("GET", error=error), error)
    assert least <= waits[0] <= most


def test_a_silent_server_is_given_up(fetch, server):
    server.script[PATH] = ["silent"] * 3
    with pytest.raises(NotAvailableError, match="3 times in a row"):
        fetch(timeout=0.1)


def test_a_folder_that_cannot_be_written_is_one_line(fetch, tmp_path):
    (tmp_path / "x.gz.part").mkdir()
    with pytest.raises(StoreError, match=r"x.gz.part: cannot be written: Is a directory"):
        fetch()


def test_redirects_lead_to_the_same_hosts_alone(fetch, server):
    server.files["/other"] = CONTENT
    server.script[PATH] = [("to", "/other")]
    fetch()
    assert fetch.target.read_bytes() == CONTENT
    fetch.target.unlink()
    server.script[PATH] = [("to", "http://example.org/x")]
    with pytest.raises(NotAllowedError, match=r"http://example\.org/x: only http from 127\.0\.0\.1 is fetched"):
        fetch()
    server.script[PATH] = [("to", PATH)] * 9
    with pytest.raises(NotAllowedError, match="redirected more than 5 times"):
        fetch()


@pytest.mark.parametrize(
    "url",
    [
        "http://mcauleylab.ucsd.edu/x",
        "https://mcauleylab.ucsd.edu.example.org/x",
        "https://example.org/mcauleylab.ucsd.edu",
        "https://mcauleylab.ucsd.edu:8443/x",
        "https://me@mcauleylab.ucsd.edu/x",
        "file:///etc/passwd",
        "ftp://mcauleylab.ucsd.edu/x",
        "https://mcauleylab.ucsd.edu:x/",
        "//mcauleylab.ucsd.edu/x",
        "",
    ],
)
def test_by_default_only_https_from_the_datasets_own_hosts_is_fetched(url):
    web = Web()
    with pytest.raises(NotAllowedError) as caught:
        web.check(url, web.hosts)
    assert "\n" not in str(caught.value)
    web.check("https://mcauleylab.ucsd.edu/public_datasets/x", web.hosts)
    assert all(base.startswith("https://") for base in web.bases)


def test_both_files_of_a_category_come_from_the_first_host_that_has_them(server, tmp_path):
    meta = "/second/meta_categories/meta_Software.jsonl.gz"
    server.files |= {"/second/review_categories/Software.jsonl.gz": b"reviews", meta: b"products"}
    web = server.web(bases=(f"{server.url}/first", f"{server.url}/second"))
    download_raw("Software", tmp_path, web, print)
    assert (tmp_path / "Software.jsonl.gz").read_bytes() == b"reviews"
    assert (tmp_path / "meta_Software.jsonl.gz").read_bytes() == b"products"
    n_requests = len(server.requests)
    download_raw("Software", tmp_path, web, print)
    assert len(server.requests) == n_requests
    (tmp_path / "meta_Software.jsonl.gz").unlink()
    del server.files[meta]
    with pytest.raises(NotAvailableError, match=r"first/meta.*404; .*second/meta.*404.*--from DIR") as caught:
        download_raw("Software", tmp_path, web, print)
    assert "\n" not in str(caught.value)


def test_a_category_that_there_is_not_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown category 'Baby_Product'; did you mean 'Baby_Products'"):
        download_raw("Baby_Product", tmp_path, Web(), print)
