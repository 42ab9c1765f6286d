"""Other people's files as a person runs them: `pytest suite --claims-data FOLDER`, without a step before."""

import numpy as np
import pytest

from recclaims._model.cell import Cell
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import CellError, ChangedError
from recclaims.plugin_manager import registry
from recclaims.store import Store

from .foreign import vectors, write_microlens, write_mmrec
from .test_pytest_face import Session


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    place = tmp_path_factory.mktemp("mmrec")
    made = Session(place)
    made.data = write_mmrec(place / "baby")
    return made


def test_a_folder_of_mmrec_needs_no_conversion(session):
    output = session("-k", "content-knn and permuted", code=0)
    assert "baby has no input for efficientnet-lite0, resnet50, sbert, attributes, late_fusion, lvlm" in output
    fused = "late_fusion:features:image_feat+features:text_feat"
    assert {case["case"]: case["verdict"] for case in session.results["claims"]} == {
        f"content-knn-{features}-permuted-baby": "supported"
        for features in ("features:image_feat", "features:text_feat", fused)
    }
    assert {made["encoder"]: (made["modality"], made["dimension"]) for made in session.results["encoders"]} == {
        "features:image_feat": ("visual", 6),
        "features:text_feat": ("textual", 4),
        fused: ("multimodal", 10),
    }
    # The split that lies in the folder is that of every replicate: a training-free probe has nothing left to vary but
    # the order that is drawn for items of equal scores.
    recalls = {}
    for cell in session.results["cells"]:
        if cell["recommender"] == "mostpop":
            recalls.setdefault(cell["metrics"]["recall@20"], []).append(cell["seed"])
    assert max(recalls) - min(recalls) < 0.05


def test_its_features_make_cases_of_freedom(session):
    output = session("--collect-only", "-q", "-k", "freedom and not elliot", code=0)
    for case in (
        "freedom-features:image_feat-permuted-baby",
        "freedom-features:text_feat-twin-baby",
        "freedom-features:image_feat/permuted-lightgcn-baby",
        "freedom-late_fusion:features:image_feat+features:text_feat-mostpop-baby",
    ):
        assert f"[{case}]" in output


def test_features_by_path_are_found_again_by_their_content(session, tmp_path):
    path = tmp_path / "mine.npy"
    reference, encoder = str(session.data), f"features:{path}?modality=visual"

    def pipeline():
        return Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(tmp_path / "store"))

    def keys():
        mine = pipeline()
        return mine.encode(reference, encoder).key, mine.train(Cell(reference, "content-knn", encoder)).key

    np.save(path, vectors(5))
    first = keys()
    path.touch()
    assert keys() == first
    np.save(path, vectors(5)[::-1])
    assert set(keys()).isdisjoint(first)
    fused = pipeline().encode(reference, f"late_fusion:{encoder}+features:text_feat").key
    np.save(path, vectors(5))
    assert pipeline().encode(reference, f"late_fusion:{encoder}+features:text_feat").key != fused


def test_features_stay_mapped_until_they_are_trained_on(session, tmp_path, monkeypatch):
    mine = Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(tmp_path / "store"))
    seen = {}

    def fit(recommender, parameters, data, *_):
        seen.update(data.content)
        raise CellError("seen")

    monkeypatch.setattr("recclaims.recommenders._recbole.fit.fit", fit)
    with pytest.raises(CellError, match="seen"):
        mine.train(Cell(str(session.data), "vbpr", "features:text_feat"))
    matrix = seen["textual"]
    assert not matrix.flags.owndata
    assert not matrix.flags.writeable
    np.testing.assert_array_equal(matrix, vectors(4))


def test_a_wrong_argument_is_one_line_before_anything_runs(session):
    output = session("--claims-encoder", "features:./no.npy", "--collect-only", code=4)
    assert "ERROR: features:./no.npy: ./no.npy does not exist" in output


def test_names_that_a_dataset_lacks_are_left_out(session):
    output = session(
        "--claims-encoder",
        "features:image_fat",
        "--claims-encoder",
        "features:image_feat",
        "-k",
        "vbpr-feat and twin",
        "--collect-only",
        code=0,
    )
    assert "baby has no input for features:image_fat" in output


def test_vectors_that_change_while_they_are_read_are_not_kept(session, tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, vectors(5))
    mine = Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(tmp_path / "store"))
    reference, encoder = str(session.data), f"features:{path}?modality=visual"
    mine.features_recipe(reference, encoder)
    np.save(path, vectors(5)[::-1])
    with pytest.raises(ChangedError, match="its files changed while they were read; run it again"):
        mine.encode(reference, encoder)
    np.save(path, vectors(5))
    np.testing.assert_array_equal(mine.features(reference, encoder).matrix, vectors(5))


def test_microlens_as_it_was_downloaded(tmp_path):
    """Titles and covers make cases without a step before; on covers nothing is told, as they only differ in red."""
    session = Session(tmp_path)
    session.data = write_microlens(tmp_path / "MicroLens-50k")
    session("-m", "noise", "-k", "content-knn and permuted and (sbert or efficientnet)", "--claims-seeds", "2")
    read = {case["treatment"] for case in session.results["claims"]}
    assert read == {"sbert", "efficientnet-lite0"}
    (card,) = [card for card in session.results["datasets"] if card["dataset"] == "MicroLens-50k"]
    assert (card["items_with_image"], card["items_with_text"]) == (47, 48)


def test_features_that_are_called_after_their_encoder_are_named(tmp_path):
    """As the RecSys'25 sets have them: a split, likes of 0 and 1, and files like `vit_cls.npy`."""
    session = Session(tmp_path)
    session.data = folder = write_mmrec(tmp_path / "dbbook", mapped=False, features=False)
    rows = [line.split("\t") for line in (folder / "dbbook.inter").read_text().splitlines()]
    kept = [[user, item, rating, part] for user, item, rating, _, part in rows]
    for row in kept[1:]:
        row[2] = "1" if int(row[2]) > 1 else "0"
    (folder / "dbbook.inter").write_text("".join("\t".join(row) + "\n" for row in kept))
    for name, d in (("all-MiniLM-L6-v2", 4), ("vit_cls", 6)):
        np.save(folder / f"{name}.npy", vectors(d))
    asked = [
        f"--claims-encoder=features:{folder}/{name}.npy?modality={modality}"
        for name, modality in (("all-MiniLM-L6-v2", "textual"), ("vit_cls", "visual"))
    ]
    session("-m", "noise", "-k", "content-knn and permuted", *asked, data=f"{folder}?relevance=1", code=0)
    assert [case["verdict"] for case in session.results["claims"]] == ["supported", "supported"]
    assert session.results["datasets"][0]["relevance"] == 1
