"""A class of MMRec's interface, named by its file: what it is called, what its key covers, how it is configured."""

import re
import shutil

import pytest

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.interop.foreign.recommender import open_recommender, opened, own_objects
from recclaims.recommenders.spec import Recommender

from .mmrec_clone import BASE, CONTENT, write, write_clone


def refused(reference):
    with pytest.raises(RecclaimsError) as error:
        open_recommender(reference)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_it_is_a_recommender_by_the_name_of_its_class(tmp_path):
    found = open_recommender(f"mmrec:{write_clone(tmp_path)}")
    assert isinstance(found, Recommender)
    assert (found.name, found.flavour, found.content, found.training_free) == ("mmrec-linear", "mmrec", True, False)
    assert found.source.files == ("common/abstract_recommender.py", "models/linear.py", "utils/losses.py")
    assert open_recommender(f"mmrec:{tmp_path}/src/models/linear.py:Linear?name=mine").name == "mine"


def test_the_key_covers_what_it_imports_and_not_where_it_lies(tmp_path):
    model = write_clone(tmp_path / "one")
    first = open_recommender(f"mmrec:{model}").version
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    moved = tmp_path / "two" / "src" / "models" / "linear.py"
    assert open_recommender(f"mmrec:{moved}").version == first
    write(tmp_path / "two" / "src" / "models" / "other.py", "import nothing_of_that_name\n")
    write(tmp_path / "two" / "src" / "utils" / "unused.py", "x = 1\n")
    assert open_recommender(f"mmrec:{moved}").version == first
    losses = tmp_path / "two" / "src" / "utils" / "losses.py"
    losses.write_text(losses.read_text() + "# changed\n")
    assert open_recommender(f"mmrec:{moved}").version != first


def test_neither_path_nor_address_of_the_file_is_in_what_the_store_knows(tmp_path):
    own = own_objects([f"mmrec:{write_clone(tmp_path)}"])
    (found,) = own.objects["recommenders"]
    assert str(tmp_path) not in f"{found.version} {found.model_path} {dict(found.parameters)} {own.origin}"


@pytest.mark.parametrize("statement", ["from .helper import x", "from models.helper import x", "import models.helper"])
def test_however_it_is_imported_a_module_is_covered(tmp_path, statement):
    model = write_clone(tmp_path, f"{statement}\n" + re.sub("^    ", "", CONTENT, flags=re.MULTILINE))
    write(model.with_name("helper.py"), "x = 1\n")
    assert "models/helper.py" in open_recommender(f"mmrec:{model}").source.files


def test_a_file_alone_is_its_own_repository(tmp_path):
    model = write(tmp_path / "alone.py", BASE + CONTENT.replace("from common.abstract_recommender", "from alone"))
    assert open_recommender(f"mmrec:{model}:Linear").source.root == tmp_path


def test_of_two_classes_one_has_to_be_named(tmp_path):
    again = CONTENT.replace("class Linear", "class Another")
    model = write_clone(tmp_path, CONTENT + again, name="both")
    says = "both.py has 2 such classes, Linear, Another; name one, as in both.py:Linear"
    assert refused(f"mmrec:{model}").endswith(says)
    assert open_recommender(f"mmrec:{model}:Another").name == "mmrec-another"
    # A helper is no such class, and a base is there to be extended.
    helped = CONTENT + "\n    class Helper(nn.Module):\n        pass\n\n    class Mine(Linear):\n        pass\n"
    assert open_recommender(f"mmrec:{write_clone(tmp_path / 'b', helped)}").source.name == "Mine"


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("mmrec:{}/src/models", "name the file of the class, as in mmrec:MMRec/src/models/mgcn.py"),
        ("mmrec:{}/src/models/none.py", "there is no file"),
        ("mmrec:{}/src/models/linear.py:Liner", "unknown class 'Liner'; did you mean 'Linear'?"),
        ("mmrec:{}/src/models/linear.py?shar=1", "unknown key 'shar'; did you mean 'share'?"),
        ("mmrec:{}/src/models/linear.py?data_path=x", "unknown key 'data_path'"),
        ("mmrec:{}/src/models/linear.py?twin=share", "twin is 'share'; write twin=KEY:VALUE"),
        ("mmrec:{}/src/models/linear.py?twin=shar:0", "twin: unknown key 'shar'"),
        ("mmrec:{}/src/models/linear.py?config=none.yaml", "none.yaml cannot be read: No such file or directory"),
        ("mmrec:{}/src/utils/losses.py", "losses.py has no class with calculate_loss and full_sort_predict"),
    ],
)
def test_what_cannot_be_opened_says_so_in_one_line(tmp_path, reference, says):
    write_clone(tmp_path)
    assert says in refused(reference.format(tmp_path))


def test_no_python_and_no_yaml_are_one_line(tmp_path):
    model = write_clone(tmp_path, "def broken(:\n", name="broken")
    assert "broken.py, line 1 is not valid Python" in refused(f"mmrec:{model}")
    model = write_clone(tmp_path / "b", yaml="a: [1,")
    assert "linear.yaml cannot be read: line 1: " in refused(f"mmrec:{model}")
    model = write_clone(tmp_path / "c", yaml="- a list")
    assert "linear.yaml is not a table of settings; write lines such as `n_layers: 2`" in refused(f"mmrec:{model}")


def test_two_of_one_name_are_refused(tmp_path):
    model = write_clone(tmp_path)
    with pytest.raises(RecclaimsError, match="has the name mmrec-linear too; add \\?name=ANOTHER to one of them"):
        opened([f"mmrec:{model}", f"mmrec:{model}?share=0.5"])
    names = [one.name for one in opened([f"mmrec:{model}", f"mmrec:{model}?share=0.5&name=half"])]
    assert names == ["mmrec-linear", "half"]


def test_hyper_parameters_come_from_the_clone_its_class_a_file_and_the_reference(tmp_path):
    yaml = """
        share: [0.1, 0.5, 1.0]
        weight_decay: [0.0, 1e-5]
        learning_rate: 5e-4
        n_layers: 2
        sizes: [64, 64]
        hyper_parameters: ["share", "weight_decay"]
    """
    model = write_clone(tmp_path, yaml=yaml)
    found = open_recommender(f"mmrec:{model}")
    assert found.parameters["share"] == 0.5  # the middle of the grid
    assert found.parameters["weight_decay"] == 0.0  # the lower of the two in the middle
    assert found.parameters["sizes"] == [64, 64]  # no grid
    assert found.parameters["learning_rate"] == 5e-4
    assert found.parameters["learning_rate_decay"] == [1.0, 50]
    assert not {"seed", "gpu_id", "checkpoint_dir", "hyper_parameters", "learning_rate_scheduler"} & {*found.parameters}
    # Of its own file a profile changes nothing; of overall.yaml it does, and of a grid.
    assert found.fixed == {"embedding_size": 16, "average_best": 1, "learning_rate": 5e-4}
    config = write(tmp_path / "mine.yaml", "n_layers: 3\nepochs: 7\nextra: [1e-2, x]\n")
    found = open_recommender(f"mmrec:{model}?config={config}&n_layers=4&share=1&learning_rate_scheduler=[0.9, 5]")
    assert {**found.fixed} == {
        "embedding_size": 16, "average_best": 1, "learning_rate": 5e-4, "n_layers": 4, "epochs": 7,
        "extra": [0.01, "x"], "share": 1, "learning_rate_decay": [0.9, 5],
    }  # fmt: skip
    assert found.parameters["epochs"] == 7


def test_batches_of_another_kind_are_refused(tmp_path):
    model = write_clone(tmp_path, yaml="use_full_sampling: True\n")
    assert "its use_full_sampling is not supported; batches here are pairs" in refused(f"mmrec:{model}")


def test_a_class_without_features_reads_no_content(tmp_path):
    assert not open_recommender(f"mmrec:{write_clone(tmp_path, yaml='is_multimodal_model: False')}").content


def test_an_unknown_key_is_taken_where_the_class_reads_by_other_expressions(tmp_path):
    model = write_clone(tmp_path, CONTENT.replace('config["share"]', 'config["sha" + "re"]'))
    assert open_recommender(f"mmrec:{model}?shape=1").parameters["shape"] == 1
    with pytest.raises(UnknownNameError):
        open_recommender(f"mmrec:{model}?data_path=x")
