"""A class of MMRec's interface, trained and scored as it is; what is wrong with one is one line of its own cells."""

import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch

import recclaims.interop.foreign.asking
from recclaims.engine.hyperparameters import Hyperparameters
from recclaims.engine.profile import Profile
from recclaims.errors import CellError, NotAvailableError
from recclaims.evaluation.item_lists import ItemLists
from recclaims.interop.foreign.recommender import open_recommender
from recclaims.recommenders._recbole.fit import fit, prepare
from recclaims.recommenders._recbole.trainer import CellTrainer

from .mmrec_clone import CONTENT, N_ITEMS, N_USERS, data, features, scores, trained, with_method, write_clone

#: Writes a file of what it makes of its features, and reads that where it is there, as LATTICE and MGCN do.
CACHING = """
    def items(self):
        import os
        path = os.path.join(self.folder, "graph.pt")
        if not os.path.exists(path):
            torch.save(self.features, path)
        return self.own.weight + self.projection(torch.load(path))
"""


def failure(model, error=CellError, content=None, **parameters):
    with pytest.raises(error) as raised:
        trained(f"mmrec:{model}", content, **parameters)
    said = str(raised.value)
    assert "\n" not in said
    assert said.startswith("mmrec-linear: ")
    return said.removeprefix("mmrec-linear: ")


def test_it_is_trained_ranked_and_the_same_from_the_same_seed(tmp_path):
    reference = f"mmrec:{write_clone(tmp_path)}"
    first = trained(reference, seed=3)
    assert first.epochs == 3
    assert scores(first).shape == (N_USERS, N_ITEMS)
    np.testing.assert_array_equal(scores(first), scores(trained(reference, seed=3)))
    assert not np.array_equal(scores(first), scores(trained(reference, seed=4)))
    # Scores by a few users are those by all.
    np.testing.assert_allclose(first.score(np.array([7, 2])).numpy(), scores(first)[[7, 2]], rtol=1e-5)


def test_what_it_finds_is_in_its_features(tmp_path):
    reference = f"mmrec:{write_clone(tmp_path)}"
    shuffled = np.random.default_rng(0).permutation(features())
    real = trained(reference, epochs=12).valid_score
    assert real > trained(reference, {"textual": shuffled}, epochs=12).valid_score + 0.05


def test_a_graph_of_other_features_is_never_found_again(tmp_path):
    caching = f"mmrec:{write_clone(tmp_path / 'a', with_method(CACHING))}"
    plain = f"mmrec:{write_clone(tmp_path / 'b')}"
    for seed in (0, 1):
        content = {"textual": features(seed)}
        np.testing.assert_array_equal(scores(trained(caching, content)), scores(trained(plain, content)))


def test_modalities_are_the_files_that_mmrec_reads(tmp_path):
    model = with_method(
        """
        def pre_epoch_processing(self):
            raise ValueError(f"image {None if self.v_feat is None else self.v_feat.shape[1]} "
                             f"text {None if self.t_feat is None else self.t_feat.shape[1]}")
        """
    )
    model = write_clone(tmp_path, model)
    wide = features(width=4)
    for content, says in (
        ({"visual": features()}, "image 6 text None"),
        ({"textual": features()}, "image None text 6"),
        ({"multimodal": features()}, "image None text 6"),
        ({"visual": wide, "textual": features(), "textual_2": wide}, "image 4 text 10"),
    ):
        assert says in failure(model, content=content)


def test_one_that_needs_both_modalities_says_so_and_is_given_them(tmp_path):
    model = write_clone(tmp_path, CONTENT.replace("if one is not None", "").replace("for one in (", "for one in ("))
    said = failure(model, NotAvailableError)
    expected = "it needs both image and text features and got only {}; use --claims-encoder late_fusion:VISUAL+TEXTUAL"
    assert said == expected.format("texts")
    assert failure(model, NotAvailableError, {"visual": features()}) == expected.format("images")
    assert trained(f"mmrec:{model}", {"visual": features(), "textual": features()}).epochs == 3


READS_NOTHING = CONTENT.replace("self.share * self.projection(self.features)", "self.projection.bias")
#: Its projection begins at zero, so that nothing shows until it has taken a step.
BEGINS_AT_ZERO = CONTENT.replace("for table in", "nn.init.zeros_(self.projection.weight)\n            for table in")
#: Its scores never read features, as those of BM3.
IN_THE_LOSS = with_method(
    """
    def full_sort_predict(self, interaction):
        return self.users(interaction[0]) @ self.own.weight.T
    """
)


def test_one_that_never_reads_its_features_is_refused_before_it_is_trained(tmp_path):
    said = failure(write_clone(tmp_path, READS_NOTHING))
    assert said == "Linear never reads its features: other features give exactly the same loss and scores"


@pytest.mark.parametrize("model", [BEGINS_AT_ZERO, IN_THE_LOSS])
def test_one_that_reads_them_late_or_in_its_loss_alone_is_not(tmp_path, model):
    assert trained(f"mmrec:{write_clone(tmp_path, model)}").epochs == 3


def test_to_be_asked_changes_no_result(tmp_path, monkeypatch):
    noisy = with_method(
        """
        def pre_epoch_processing(self):
            import random
            import numpy
            self.share = random.random() + numpy.random.rand() + torch.rand(()).item()
        """
    )
    reference = f"mmrec:{write_clone(tmp_path, noisy)}"
    asked = scores(trained(reference))
    again = scores(trained(reference))  # not asked: it is known of this class
    monkeypatch.setattr(recclaims.interop.foreign.asking, "ASKED", set())
    np.testing.assert_array_equal(asked, again)
    np.testing.assert_array_equal(asked, scores(trained(reference)))


def test_a_switch_makes_a_twin_that_reads_nothing(tmp_path):
    model = write_clone(tmp_path)
    found = open_recommender(f"mmrec:{model}?twin=share:0")
    assert found.twins == {"twin": {"share": 0}}
    assert found.stand_in is None
    parameters = {"epochs": 2, "eval_step": 1, **found.twins["twin"]}
    assert fit(found, parameters, data(), 0).epochs == 2
    assert open_recommender(f"mmrec:{model}").stand_in == "constant"


def test_a_switch_that_leaves_features_on_is_refused(tmp_path):
    found = open_recommender(f"mmrec:{write_clone(tmp_path)}?twin=share:0.5")
    with pytest.raises(CellError, match=r"with share=0\.5 it still reads features, so it is not a feature-free twin"):
        fit(found, {"epochs": 2, "eval_step": 1, **found.twins["twin"]}, data(), 0)


def test_epochs_are_announced_and_the_best_one_is_put_back_whole(tmp_path):
    # Its scores are a table that each epoch leaves, worse and worse, beside weights that say nothing.
    model = with_method(
        """
        def pre_epoch_processing(self):
            self.calls = getattr(self, "calls", []) + ["pre"]

        def post_epoch_processing(self):
            self.calls.append("post")
            epoch = self.calls.count("post")
            self.table = torch.arange(self.n_items).float() * (1 if epoch == 1 else -1) + epoch / 10

        def full_sort_predict(self, interaction):
            if not hasattr(self, "table"):
                return self.items().sum(1).expand(len(interaction[0]), -1)
            return self.table.expand(len(interaction[0]), -1)
        """
    )
    found = open_recommender(f"mmrec:{write_clone(tmp_path, model)}")
    some = data(textual=features())
    rising = np.arange(N_ITEMS)[-8:]
    some = type(some)(some.users, some.items, N_USERS, N_ITEMS, _likes(rising), some.content)
    cell = prepare(found, {"epochs": 4, "eval_step": 1, "learning_rate": 0.01, "train_batch_size": 128}, some, 0)
    trainer = CellTrainer(cell.config, cell.model, cell.validate)
    trainer.run(cell.batches)
    made = cell.model.inner
    assert (trainer.epochs_run, trainer.best.best_epoch) == (4, 1)
    assert made.calls == ["pre", "post"]  # as they were after the best epoch
    np.testing.assert_allclose(cell.scorer(np.array([0])).numpy()[0], np.arange(N_ITEMS) + 0.1, rtol=1e-6)


def _likes(items):
    users = np.repeat(np.arange(N_USERS), len(items))
    return ItemLists.of(users, np.tile(items, N_USERS), N_USERS)


def test_its_schedule_is_kept(tmp_path):
    model = write_clone(tmp_path)

    def moved(query):
        """How far its weights are from where they began."""
        found = open_recommender(f"mmrec:{model}?{query}")
        parameters = {"epochs": 2, "eval_step": 2, **found.fixed}
        began = prepare(found, parameters, data(textual=features()), 0).model.inner.own.weight.detach()
        cell = prepare(found, parameters, data(textual=features()), 0)
        CellTrainer(cell.config, cell.model, cell.validate).run(cell.batches)
        return float((cell.model.inner.own.weight.detach() - began).norm())

    assert moved("learner=sgd&learning_rate=0") == 0
    step = moved("learner=sgd&learning_rate=1")
    assert 0 < moved("learner=sgd&learning_rate=1&clip_grad_norm={max_norm: 0.001}") < 0.1 * step
    assert (
        moved("learner=sgd&learning_rate=1&learning_rate_scheduler=[1e-9, 1]") < 0.9 * step
    )  # the second epoch stands
    assert moved("learner=sgd&learning_rate=1&weight_decay=0.5") > 1.1 * step


def test_a_profile_changes_its_budget_and_nothing_that_its_author_said(tmp_path):
    model = write_clone(tmp_path, yaml="learning_rate: 0.0003\nn_layers: 3\n")
    smoke = Profile.named("smoke")
    of = smoke.of(open_recommender(f"mmrec:{model}"))
    assert (of["epochs"], of["train_batch_size"]) == (10, 8192)
    assert (of["learning_rate"], of["embedding_size"]) == (0.0003, 16)
    assert smoke.of(open_recommender(f"mmrec:{model}?epochs=3&learning_rate=0.1"))["epochs"] == 3
    paper = Profile.named("paper").of(open_recommender(f"mmrec:{model}"))
    assert (paper["epochs"], paper["stopping_step"], paper["eval_step"]) == (1000, 20, 1)
    own = Hyperparameters(recommender={"mmrec-linear": {"learning_rate": 0.7}})
    assert replace(smoke, own=own).of(open_recommender(f"mmrec:{model}"))["learning_rate"] == 0.7


def test_a_class_without_negatives_gets_pairs(tmp_path):
    model = with_method(
        """
        def calculate_loss(self, interaction):
            assert interaction.shape[0] == 2, interaction.shape
            user, items = self.users(interaction[0]), self.items()
            return 1 - torch.cosine_similarity(user, items[interaction[1]]).mean()
        """
    )
    assert trained(f"mmrec:{write_clone(tmp_path, model, yaml='use_neg_sampling: False')}").epochs == 3


def test_what_is_not_trained_is_scored_at_once(tmp_path):
    model = with_method(
        """
        def pre_epoch_processing(self):
            self.ready = True

        def calculate_loss(self, interaction):
            raise AssertionError("there is nothing to train")

        def full_sort_predict(self, interaction):
            assert self.ready and not self.training
            return self.features.sum(1).expand(len(interaction[0]), -1)
        """
    )
    model = model.replace("self.projection = ", "self.eye = ")
    reference = f"mmrec:{write_clone(tmp_path, model, yaml='req_training: False')}"
    assert open_recommender(reference).training_free
    found = trained(reference)
    assert found.epochs == 0
    np.testing.assert_allclose(scores(found)[0], features().sum(1), rtol=1e-5)


def test_parts_of_a_loss_are_added(tmp_path):
    parts = CONTENT.replace("return pairwise(", "return (torch.zeros(()), pairwise(").replace(
        "items[interaction[2]]).sum(1))", "items[interaction[2]]).sum(1)))"
    )
    reference = f"mmrec:{write_clone(tmp_path / 'a', parts)}"
    np.testing.assert_array_equal(scores(trained(reference)), scores(trained(f"mmrec:{write_clone(tmp_path / 'b')}")))


def test_cuda_means_the_device_of_the_cell(tmp_path):
    model = CONTENT.replace("self.features = torch.cat(found, dim=1)", "self.features = torch.cat(found, dim=1).cuda()")
    assert trained(f"mmrec:{write_clone(tmp_path, model)}").epochs == 3
    assert torch.Tensor.cuda.__name__ == "cuda"
    assert torch.Tensor.cuda is not trained  # and it is torch's own again
    assert "recclaims" not in torch.nn.Module.cuda.__module__


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_one_that_wants_a_gpu_says_so(tmp_path):
    model = CONTENT.replace("torch.cat(found, dim=1)", 'torch.cat(found, dim=1).to("cuda:0")')
    said = failure(write_clone(tmp_path, model), NotAvailableError)
    assert said.startswith("linear.py:1")
    assert "asks for a GPU, and cells are trained on the CPU; use config['device'] in the class" in said


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (CONTENT.replace("size = config", 'raise ValueError("no such\\nthing")\n            size = config'), "no such"),
        (CONTENT.replace('config["embedding_size"]', 'config["factors"]'), "write ?factors=VALUE or config=FILE"),
        (CONTENT.replace("return pairwise(", "return float('nan') * pairwise("), "loss is nan in epoch 1"),
        (CONTENT.replace("self.items().T", "self.items().T / 0"), "scores contain NaN or inf"),
        (CONTENT.replace("return pairwise(", "return 1.0 or pairwise("), "calculate_loss returned 1.0, no tensor"),
        (
            CONTENT.replace("self.items().T", "self.items()[:3].T"),
            "full_sort_predict returned (16, 3) for 16 users and 40",
        ),
        (CONTENT.replace("class Linear(", "raise SystemExit(3)\n    class Linear("), "SystemExit: 3"),
    ],
)
def test_what_it_does_wrong_is_one_line_of_its_cell(tmp_path, model, says):
    assert says in failure(write_clone(tmp_path, model))


def test_a_package_that_is_not_there_is_named(tmp_path):
    model = CONTENT.replace("size = config", "import no_such_package.of_graphs\n            size = config")
    said = failure(write_clone(tmp_path, model), NotAvailableError)
    assert said == "linear.py needs no_such_package, which is not installed: install it beside recclaims"


def test_nothing_is_written_where_one_works_or_beside_the_class(tmp_path, monkeypatch, capfd):
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    writes = "open('here.txt', 'w').close(); print('loud')\n            size = config"
    model = write_clone(tmp_path / "clone", CONTENT.replace("size = config", writes))
    before = set((tmp_path / "clone").rglob("*"))
    assert trained(f"mmrec:{model}").epochs == 3
    assert not list(place.iterdir())
    assert set((tmp_path / "clone").rglob("*")) == before
    assert capfd.readouterr().out == ""
    writes = "open(__file__ + '.cache', 'w').close()\n            size = config"
    model = write_clone(tmp_path / "other", CONTENT.replace("size = config", writes))
    said = failure(model)
    assert "linear.py wrote linear.py.cache beside its source, where other cells would read it; delete it" in said


def test_two_repositories_with_modules_of_one_name_do_not_meet(tmp_path, monkeypatch):
    mine = type(sys)("utils")
    monkeypatch.setitem(sys.modules, "utils", mine)
    late = "from utils.losses import FACTOR\n            size = int(FACTOR) * config"
    found = []
    for name in ("one", "two"):
        model = write_clone(tmp_path / name, CONTENT.replace("size = config", late))
        losses = tmp_path / name / "src" / "utils" / "losses.py"
        losses.write_text(losses.read_text() + f"\nFACTOR = {len(found) + 1}\n")
        found.append(scores(trained(f"mmrec:{model}")))
    assert not np.array_equal(*found)
    assert sys.modules["utils"] is mine
    assert not {"common", "models", "utils.losses"} & {*sys.modules}


def test_a_file_that_changes_meanwhile_is_not_taken_for_what_it_was(tmp_path):
    model = write_clone(tmp_path)
    found = open_recommender(f"mmrec:{model}")
    model.write_text(model.read_text() + "# changed\n")
    with pytest.raises(NotAvailableError, match=r"linear\.py, or a file it imports, changed during the run"):
        fit(found, {"epochs": 1, "eval_step": 1}, data(textual=features()), 0)


def test_code_that_no_key_covers_is_refused(tmp_path):
    text = textwrap.dedent(CONTENT).replace("from utils.losses", "__import__('utils.hidden')\nfrom utils.losses")
    model = write_clone(tmp_path, text)
    (tmp_path / "src" / "utils" / "hidden.py").write_text("x = 1\n")
    assert "imports utils.hidden without an import statement" in failure(model)
