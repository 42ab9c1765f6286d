"""Two vector files of one name in one run, as a person has them: `real/image_clip.npy` and `noise/image_clip.npy`."""

import json
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from .test_pytest_face import Session
from .toy import COLOURS, N_ITEMS

SELECT = ("-k", "content-knn and permuted and image_clip")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    made = Session(tmp_path_factory.mktemp("vectors"))
    random = np.random.default_rng(0)
    noise = random.normal(size=(N_ITEMS, 4))
    real = np.eye(4)[np.arange(N_ITEMS) % len(COLOURS)] + 0.1 * random.normal(size=(N_ITEMS, 4))
    for kind, matrix in (("real", real), ("noise", noise)):
        (made.place / kind).mkdir()
        np.save(made.place / kind / "image_clip.npy", matrix.astype(np.float32))
    return made


def asked(session, *kinds):
    return [
        part for kind in kinds for part in ("--claims-encoder", f"features:{session.place / kind / 'image_clip.npy'}")
    ]


def effects(session):
    return {case["case"]: case["effect"] for case in session.results["claims"]}


def test_they_are_two_everywhere_and_their_order_decides_nothing(session, tmp_path):
    junit, baseline = tmp_path / "junit.xml", tmp_path / "baseline.json"
    update = ("--claims-baseline", str(baseline), "--claims-update-baseline")
    output = session(*asked(session, "real", "noise"), *SELECT, "--junitxml", str(junit), *update)
    both = effects(session)
    real, noise = both  # in the order they were asked for
    assert both[real] > 0.1 > both[noise]
    assert re.fullmatch(r"content-knn-features:image_clip\.npy:[0-9a-f]{8}-permuted-toy", real)
    assert {f"[{name}]" in junit.read_text() for name in both} == {True}
    assert str(session.place) not in junit.read_text()
    assert all(case["treatment"] in output for case in session.results["claims"])
    names = {case["treatment"] for case in session.results["claims"]}
    assert {entry["encoder"] for entry in session.results["encoders"]} == names
    assert {cell["features"] for cell in session.results["cells"]} >= names
    assert set(pl.read_parquet(session.report / "per_user.parquet")["features"].unique()) >= names
    assert all(case["asked"] == ["features:path/to/image_clip.npy"] for case in session.results["claims"])

    session(*asked(session, "noise", "real"), *SELECT)
    assert effects(session) == both
    for kind, name in (("noise", noise), ("real", real)):
        session(*asked(session, kind), *SELECT)
        assert effects(session) == {name: both[name]}

    # What fell in one of them is not made up for by the other.
    document = json.loads(baseline.read_text())
    (mine,) = (case for case in document["claims"] if case["case"] == noise)
    mine["ci"] = [0.5, 0.6]
    mine["verdict"] = "inconclusive"
    baseline.write_text(json.dumps(document))
    output = session(*asked(session, "real", "noise"), *SELECT, "--claims-baseline", str(baseline), code=1)
    assert "1 failed, 1 passed" in output


def test_a_copy_of_a_file_is_no_second_case(session, tmp_path):
    copy = tmp_path / "image_clip.npy"
    copy.write_bytes((session.place / "real" / "image_clip.npy").read_bytes())
    output = session(*asked(session, "real"), "--claims-encoder", f"features:{copy}", *SELECT, "--collect-only")
    assert len(re.findall("image_clip", output)) == 1


def test_names_that_reports_would_make_one_are_refused(session, tmp_path):
    """A plugin's encoder that is given a path and does not say so by `place`."""
    plugin = tmp_path / "vectors_plugin.py"
    plugin.write_text(
        "from recclaims.plugin_manager import registry\n"
        "class Mine:\n"
        "    name, modality, version, requires = 'mine', 'textual', '1', frozenset({'textual'})\n"
        "    def __init__(self, path=''): self.path = path\n"
        "    def encode(self, items): raise NotImplementedError\n"
        "registry().encoders['mine'] = Mine\n"
        "registry().origin['encoders', 'mine'] = 'test'\n"
    )
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', Path.cwd() / 'src')}"}
    options = ("-p", "vectors_plugin", "--claims-encoder", "mine:/a/x.npy", "--claims-encoder", "mine:/b/x.npy")
    output = session(*options, "--collect-only", env=env, code=4)
    assert "have the same name in reports, " in output
