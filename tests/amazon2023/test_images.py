import hashlib
import io
import json
import struct
import zlib

import pytest
from PIL import Image as Pillow

from recclaims.amazon2023 import images as module
from recclaims.amazon2023.images import MANIFEST, fetch_images, link_images
from recclaims.errors import NotAvailableError


def picture(colour="red", size=(40, 30), kind="JPEG"):
    file = io.BytesIO()
    Pillow.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def vast(width=60_000, height=60_000):
    """A PNG of a few bytes that says it has many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.fixture
def shop(server):
    server.files |= {f"/{i}.jpg": picture((i, 0, 0)) for i in range(20)}
    server.urls = [f"{server.url}/{i}.jpg" for i in range(20)]
    return server


def lines(store):
    return [json.loads(line) for line in (store / MANIFEST).read_text().splitlines() if line]


def test_images_are_kept_in_shards_with_their_hashes(shop, tmp_path):
    found = fetch_images(shop.urls, tmp_path, shop.web(), print)
    assert (len(found.images), found.new, found.gone, found.later) == (20, 20, {}, {})
    records = lines(tmp_path)
    assert {record["url"] for record in records} == set(shop.urls)
    for record in records:
        content = (tmp_path / record["file"]).read_bytes()
        assert content == shop.files["/" + record["url"].rpartition("/")[2]]
        assert record["sha256"] == hashlib.sha256(content).hexdigest()
        assert (record["bytes"], record["width"], record["height"]) == (len(content), 40, 30)
        assert record["file"][:2] == record["file"][3:5]


def test_nothing_is_fetched_twice_and_what_was_spoilt_is_fetched_again(shop, tmp_path):
    first = fetch_images(shop.urls, tmp_path, shop.web(), print)
    n_requests = len(shop.requests)
    (tmp_path / first.images[shop.urls[3]].file).write_bytes(b"spoilt")
    (tmp_path / first.images[shop.urls[4]].file).unlink()
    again = fetch_images(shop.urls, tmp_path, shop.web(), print)
    assert again.images == first.images
    assert again.new == 2
    assert len(shop.requests) == n_requests + 2


def test_a_manifest_that_was_cut_off_loses_its_last_line_alone(shop, tmp_path):
    fetch_images(shop.urls[:5], tmp_path, shop.web(), print)
    manifest = tmp_path / MANIFEST
    manifest.write_text(manifest.read_text()[:-20])
    assert fetch_images(shop.urls[:6], tmp_path, shop.web(), print).new == 2
    assert fetch_images(shop.urls[:6], tmp_path, shop.web(), print).new == 0


def test_no_more_at_once_than_is_polite(shop, tmp_path):
    shop.delay = 0.02
    fetch_images(shop.urls, tmp_path, shop.web(connections=3), print)
    assert 2 <= shop.most_at_once <= 3


def test_what_is_no_image_is_told_apart_and_not_asked_for_again(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 5000)
    shop.files |= {
        "/text": b"no image", "/empty": b"", "/cut": picture()[:-200], "/vast": vast(), "/large": vast(9000, 9000),
        "/blank": picture(size=(1, 1), kind="GIF"), "/heavy": b"x" * 6000, "/icon": picture(kind="ICO"),
    }  # fmt: skip
    urls = [shop.url + path for path in (*shop.files, "/nothing")] + [
        "http://example.org/a.jpg",
        "https://127.0.0.1/",
        "x",
    ]
    found = fetch_images(urls, tmp_path, shop.web(), print)
    assert len(found.images) == 20
    assert found.later == {}
    reasons = {url.removeprefix(shop.url): reason for url, reason in found.gone.items()}
    assert reasons == {
        "/text": "not an image", "/empty": "not an image", "/cut": "not an image", "/icon": "not an image",
        "/vast": "too many pixels", "/large": "too many pixels", "/blank": "blank", "/heavy": "too many bytes",
        "/nothing": "answer 404", "http://example.org/a.jpg": "address that is not allowed",
        "https://127.0.0.1/": "address that is not allowed", "x": "address that is not allowed",
    }  # fmt: skip
    assert found.missing() | {"not an image": 4} == found.missing()
    n_requests = len(shop.requests)
    again = fetch_images(urls, tmp_path, shop.web(), print)
    assert (again.gone, again.new) == (found.gone, 0)
    assert len(shop.requests) == n_requests


def test_what_may_pass_is_tried_again_now_and_by_the_next_run(shop, tmp_path):
    shop.script = {"/1.jpg": [503, ("drop", 100)], "/2.jpg": [503] * 3}
    found = fetch_images(shop.urls, tmp_path, shop.web(), print)
    assert len(found.images) == 19
    assert {url[-5:]: why for url, why in found.later.items()} == {"2.jpg": "answer 503"}
    assert found.gone == {}
    assert 7 in shop.waits
    assert fetch_images(shop.urls, tmp_path, shop.web(), print).new == 1


def test_a_host_that_says_nothing_is_tried_again_too(shop, tmp_path):
    # By itself: of twenty images a busy machine may have one wait longer than this, too.
    urls = shop.urls[3:4]
    shop.script = {"/3.jpg": ["silent"] * 3}
    found = fetch_images(urls, tmp_path, shop.web(timeout=0.3), print)
    assert [url[-5:] for url in found.later] == ["3.jpg"]
    assert list(found.later.values()) == ["timeout"]
    assert len(shop.requests) == 3
    assert fetch_images(urls, tmp_path, shop.web(), print).new == 1


def test_a_host_that_is_down_is_not_asked_for_everything(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 5)
    shop.script = {path: [503] for path in shop.files}
    with pytest.raises(NotAvailableError, match=r"5 images in a row could not be fetched \(answer 503"):
        fetch_images(shop.urls, tmp_path, shop.web(tries=1, connections=1), print)
    assert len(shop.requests) < 20


def test_a_dataset_has_its_images_inside_and_no_bytes_twice(shop, tmp_path):
    store = tmp_path / "store"
    found = fetch_images(shop.urls[:4], store, shop.web(), print)
    link_images(found.images, store, tmp_path / "images")
    assert len(lines(tmp_path / "images")) == 4
    for image in found.images.values():
        assert (tmp_path / "images" / image.file).samefile(store / image.file)
