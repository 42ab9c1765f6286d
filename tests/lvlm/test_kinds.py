import pytest

from recclaims.data.answer_types import counterpart, kind_of, of_kind

NAMES = ["qwen2_keyword", "phi_35vl_keywords", "phi_35vl_descriptive", "phi_35vl_mis", "q-description", "q-misaligned"]


@pytest.mark.parametrize(
    ("name", "model", "kind"),
    [
        ("qwen2_keyword", "qwen2", "keyword"),
        ("phi_4_multimodal_keywords", "phi_4_multimodal", "keyword"),
        ("phi_35vl_descriptive", "phi_35vl", "description"),
        ("qwen_2vl_7b_mis_2026_02_14", "qwen_2vl_7b", "misaligned"),
        ("mistral_keyword", "mistral", "keyword"),
        ("q-misaligned", "q", "misaligned"),
        ("summary", "summary", ""),
    ],
)
def test_a_name_says_model_and_kind(name, model, kind):
    assert kind_of(name) == (model, kind)


def test_answers_of_a_kind_and_of_the_same_model():
    assert of_kind(NAMES, "keyword") == ["qwen2_keyword", "phi_35vl_keywords"]
    assert counterpart("phi_35vl_descriptive", "misaligned", NAMES) == "phi_35vl_mis"
    assert counterpart("q-description", "misaligned", NAMES) == "q-misaligned"
    assert counterpart("qwen2_keyword", "misaligned", NAMES) is None
