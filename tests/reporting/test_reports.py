import copy

import pytest

from recclaims._model.results import ClaimStatement, DatasetCard
from recclaims.errors import RecclaimsError
from recclaims.reporting import results, tables
from recclaims.reporting.baseline import compare, compare_case
from recclaims.reporting.changes import markdown, plain, sentence
from recclaims.reporting.ending import Ending, summary
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.page import Page
from recclaims.reporting.schema import checked
from recclaims.reporting.terminal import details

from .documents import card, case, cell, document, encoder, judged, keyword, raw


def one_line(text):
    """A text without its line breaks."""
    return " ".join(text.split())


def test_effects_are_relative_to_the_control():
    assert tables.effect(judged()) == "+10.0 % [+5.0, +15.0]"
    assert tables.effect(judged(control_mean=0.0)) == ""
    assert tables.effect(judged(effect=None, control_mean=None, ci=[None, None])) == ""


def test_an_infinite_interval_is_shown_as_open():
    assert tables.effect(judged(ci=[None, None])) == "+10.0 % [, ]"


def test_noise_never_stands_without_content():
    headers, rows = tables.board_rows(document(case()), "toy")
    assert headers == ["recommender", "features", "real", "noise: permuted", "content: twin"]
    assert rows == [["vbpr", "sbert", "0.3300", "+10.0 % [+5.0, +15.0] supported", "-"]]


def test_both_families_stand_in_one_row():
    twin = case(claim="content", control="twin", case="vbpr-sbert-twin-toy", verdict="no_difference")
    headers, rows = tables.board_rows(document(twin, case()), "toy")
    assert headers[3:] == ["noise: permuted", "content: twin"]
    assert len(rows) == 1
    assert rows[0][4].endswith("no difference")


def test_planted_data_says_so():
    planted = DatasetCard.of(card(planted=True, relevance=4.0))
    assert "planted interactions; " in tables.card(planted)
    with_parameters = DatasetCard.of(card(planted=True, parameters={"dose": 0.5, "channel": "visual"}))
    assert "planted interactions (dose 0.5, channel visual); " in tables.card(with_parameters)
    assert "relevant: ratings from 4" in tables.card(planted)


@pytest.mark.parametrize(("speed", "shown"), [(None, ""), (149_421.3, "149,421"), (0.031, "0.031"), (9.96, "10")])
def test_a_slow_encoder_does_not_stand_still(speed, shown):
    headers, (row,) = tables.encoder_rows(document(encoders=[encoder(items_per_second=speed)]))
    assert row[headers.index("items/s")] == shown


def test_the_device_and_the_batches_of_an_encoder_are_said():
    made = [
        {"device": "cuda (NVIDIA H100)", "batch": 8, "items": 1200},
        {"device": "cuda (NVIDIA H100)", "batch": 4, "items": 64},
        {"device": "cpu", "batch": 8, "items": 8},
    ]
    known = raw(case(), encoders=[encoder(), encoder(encoder="lvlm", made=made)])
    headers, rows = tables.encoder_rows(checked(known, "here"))
    assert headers[-1] == "made on"
    assert [row[-1] for row in rows] == ["", "cuda (NVIDIA H100): batches of 8 (1,200), 4 (64); cpu: batches of 8 (8)"]
    assert tables.encoder_rows(document(encoders=[encoder(made=[])]))[0][-1] == "duplicate rows"
    made[0]["batch"] = "8"
    with pytest.raises(RecclaimsError, match=r"here: encoders\[1\]\.made\[0\]\.batch"):
        checked(known, "here")


def test_items_with_one_part_of_a_fusion_imputed_are_a_column_where_there_are_any():
    headers, (row,) = tables.encoder_rows(document(encoders=[encoder(partly_imputed=1234)]))
    assert row[headers.index("partly imputed")] == "1,234"
    assert "partly imputed" not in tables.encoder_rows(document(encoders=[encoder()]))[0]


def test_the_page_keeps_markup_as_text():
    page = Markdown().render(document(case(case="<b>|x|`y`", reason="a\nb")))
    assert "\\<b\\>\\|x\\|\\`y\\`" in page
    assert "a b" in page


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ({}, {}, None),
        ({}, {"verdict": "inconclusive", "reason": "why"}, "verdict was supported, is inconclusive (why)"),
        ({"verdict": "contradicted"}, {"verdict": "contradicted"}, None),
        ({"verdict": "no_difference"}, {"verdict": "contradicted"}, "verdict was no_difference, is contradicted"),
        ({"verdict": "inconclusive"}, {"verdict": "supported"}, None),
        ({}, {"effect": 0.0149}, "effect fell to +0.0149, below the baseline's interval (from +0.0150)"),
        ({}, {"effect": 0.0151}, None),
        ({"ci": [None, None], "effect": None}, {"effect": -9.0}, None),
    ],
)
def test_what_is_worse(before, after, worse):
    change = compare_case(judged(**before), judged(**after))
    if worse is None:
        assert change.worse is None
    else:
        assert change.worse.startswith(worse)


def test_on_another_machine_a_supported_case_may_be_open_while_its_effect_is_in_the_interval():
    old, new = document(case()), document(case(verdict="inconclusive", effect=0.0151, reason="why"))
    assert compare(old, new, "old")[0].worse
    elsewhere = {"cpu": "y", "device": "cpu", "versions": {"torch": "2"}}
    for effect, verdict, worse in (
        (0.0151, "inconclusive", False),
        (0.0149, "inconclusive", True),
        (0.02, "no_difference", True),
    ):
        new = document(case(verdict=verdict, effect=effect, reason="why"), environment=elsewhere)
        assert (compare(old, new, "old")[0].worse is not None) is worse


@pytest.mark.parametrize(
    ("said", "effect", "worse"),
    [
        ({"direction": "less"}, 0.0, None),
        ({"direction": "less"}, 0.05, "effect rose to +0.0500, above the baseline's interval (to +0.0450)"),
        ({"equivalence": True}, 0.05, "effect rose"),
        ({"equivalence": True}, 0.014, None),  # nearer to zero than it was
        ({"equivalence": True}, -0.001, "effect fell"),
        ({"equivalence": False, "direction": "greater"}, 0.05, None),
    ],
)
def test_which_way_is_worse_is_the_claims_to_say(said, effect, worse):
    change = compare_case(judged(), judged(effect=effect), said=ClaimStatement.of(said))
    assert (change.worse or "").startswith(worse or "")
    assert (change.worse is None) is (worse is None)
    (told,) = compare(document(case()), document(case(effect=effect), statements={"noise": said}), "old")
    assert told.worse == change.worse


def test_a_new_case_is_told_and_is_no_regression():
    changes = compare(document(case()), document(case(), case(case="other", verdict="contradicted")), "old")
    assert [(change.before, change.after, change.worse) for change in changes] == [
        ("supported", "supported", None),
        ("absent", "contradicted", None),
    ]
    assert sentence(changes) == "1 case compared, 0 changed, 0 worse; 1 new, with nothing to compare them with."
    assert "+10.0 % [+5.0, +15.0]" in plain(changes)


def test_what_got_worse_stands_first_and_a_name_cannot_break_its_row():
    old = document(
        case(), case(case="a\n::error::x|y", verdict="inconclusive"), case(case="better", verdict="inconclusive")
    )
    new = document(
        case(verdict="contradicted"), case(case="a\n::error::x|y", verdict="contradicted"), case(case="better")
    )
    changes = compare(old, new, "old")
    lines = plain(changes).splitlines()
    assert [line for line in lines if line[:1].strip() and line != lines[-1]] == [
        "Got worse: 2 cases",
        "Got better: 1 case",
    ]
    assert "  noise: a ::error::x|y" in lines
    assert lines.index("Got better: 1 case") < lines.index("  noise: better")
    assert max(map(len, lines)) <= 100
    page = markdown(changes)
    assert "a ::error::x\\|y" in page
    assert page.startswith("# Against the baseline\n\n3 cases compared, 3 changed, 2 worse.")


def test_compare_finds_a_lost_case_and_nothing_in_equal_runs():
    old = document(case(), case(case="other"))
    assert [change.worse for change in compare(old, copy.deepcopy(old), "old")] == [None, None]
    changes = compare(old, document(case()), "old")
    assert [change.worse for change in changes] == [None, "the case is gone"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": "paper"}, "old: profile is 'paper' there and 'quick' here"),
        ({"seeds": 5}, "old: seeds is 5 there and 3 here"),
        ({"mask": "train"}, "old: mask is 'train' there"),
        ({"hyperparameters": {"tables": {"training": {"epochs": 3}}}}, "old: the hyper-parameters are .*'epochs': 3"),
        ({"claims": [case(metric="ndcg@20")]}, "'vbpr-sbert-permuted-toy' is in ndcg@20 there and in recall@20 here"),
        ({"claims": [case(version=2, case="another")]}, "claim 'noise' is version 2 there and 1 here"),
        ({"claims": [case(version=2)]}, "claim 'noise' is version 2 there and 1 here"),
    ],
)
def test_unequal_runs_are_refused(change, message):
    with pytest.raises(RecclaimsError, match=message):
        compare(document(**{"claims": [case()], **change}), document(case()), "old")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 10}, "users 10; here users 9"),
        ({"split": "temporal", "relevance": 4.0}, "split temporal, relevance 4.0; here split random, relevance None"),
        ({"items_with_text": 4}, "items_with_text 4; here items_with_text 5"),
        ({"planted": True}, "planted True; here planted False"),
    ],
)
def test_another_dataset_of_the_same_name_is_refused(change, message):
    other = document(case(), datasets=[card(**change)])
    with pytest.raises(RecclaimsError, match=f"old: dataset 'toy' is a different one: {message}"):
        compare(other, document(case()), "old")


def test_a_card_that_says_more_is_no_other_dataset():
    more = document(case(), datasets=[card(licence="free")])
    assert compare(document(case()), more, "old")[0].worse is None
    assert compare(more, document(case()), "new")[0].worse is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a results.json"),
        ("[]", "schema is None"),
        ('{"schema": 9}', "schema is 9, this version reads 1 and 2"),
    ],
)
def test_reading_something_else_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(RecclaimsError, match=message) as caught:
        results.read(path)
    assert str(path) in str(caught.value)


def test_a_reference_keeps_the_folders_name_and_not_its_place():
    assert results.shareable("ml-100k?split=temporal") == "ml-100k?split=temporal"
    assert results.shareable("data/shop") == "data/shop"
    assert results.shareable("/home/somebody/shop?relevance=none") == "path/to/shop?relevance=none"


def test_the_environment_names_no_place():
    found = results.environment("cpu")
    assert found["gpu"] is None
    assert found["versions"]["torch"]
    assert "/" not in str(found).replace("Linux x86_64", "")


COSTS = (
    encoder(peak_mb=812.4, generated_tokens=None),
    encoder(encoder="lvlm:x", items_per_second=0.5, peak_mb=None, generated_tokens=160, imputed=1),
    encoder(encoder="stored", items_per_second=None),
)


def test_costs_stand_beside_the_best_gain():
    cases = [
        case(claim="content", control="twin", recommender="vbpr", effect=-0.03, ci=[-0.06, 0.0]),
        case(claim="content", control="twin", recommender="freedom", effect=0.03),
        case(claim="content", control="twin", recommender="bm3", effect=None, ci=[None, None]),
        case(control="gaussian", effect=0.2),
    ]
    headers, rows = tables.cost_rows(document(*cases, encoders=list(COSTS)))
    assert headers == [
        "encoder", "dataset", "items/s", "s/1,000 items", "peak MB", "tokens/item", "content: twin, best",
        "noise: permuted, best",
    ]  # fmt: skip
    assert rows == [
        ["sbert", "toy", "100", "10", "812", "", "freedom +10.0 % [+5.0, +15.0]", ""],
        ["lvlm:x", "toy", "0.5", "2,000", "", "40", "", ""],
        ["stored", "toy", "", "", "", "", "", ""],
    ]


def test_costs_are_money_where_a_price_is_known():
    priced = document(case(), encoders=[*COSTS, encoder(encoder="gpu", gpu_peak_mb=14_000.0)], price_per_hour=1.8)
    headers, rows = tables.cost_rows(priced)
    place = headers.index("cost/1,000 items")
    assert [row[place] for row in rows] == ["0.005", "1", "", "0.005"]
    assert [row[headers.index("GPU MB")] for row in rows] == ["", "", "", "14,000"]
    assert rows[0][-1] == "vbpr +10.0 % [+5.0, +15.0]"


def test_costs_are_on_both_pages_always_and_in_a_verbose_terminal_for_several_encoders():
    one, several = (document(case(), encoders=list(COSTS[:n])) for n in (1, 3))
    for shown in (one, several):
        assert "## Cost and gain of encoders" in Markdown().render(shown)
        assert "s/1,000 items" in Page().render(shown)
    told = ["\n".join(details(shown.model_copy(update={"claims": ()}), verbose=True)) for shown in (one, several)]
    assert ["Cost and gain" in text for text in told] == [False, True]


def test_keywords_are_on_both_pages():
    record = keyword(slot="Genre|x", answers=1200, compliance=0.194, distinct=51, entropy=3.456)
    full = document(case(), keywords=[record])
    page = Markdown().render(full)
    for text in ("## Keywords", "Genre\\|x", "1,200", "19.4%", "3.46", "25.0%", "comedy, drama"):
        assert text in page
    assert 'id="keywords"' in Page().render(full)
    assert "## Keywords" not in Markdown().render(document(case()))


def test_what_was_inadmissible_and_still_is_is_counted_and_named():
    """Nothing fails, and without a word it would pass for a claim that held."""
    bad = {"verdict": "inadmissible", "reason": "loss is nan"}
    old = document(case(), case(case="a", **bad), case(case="b", **bad), case(case="c", **bad))
    new = document(case(), case(case="a", **bad), case(case="b", **bad), case(case="c"), case(case="new"))
    changes = compare(old, new, "old")
    told = "2 cases were inadmissible in the baseline and are now, so the claim was not judged there: a, b."
    assert told in markdown(changes)
    assert told in one_line(plain(changes))
    lines = one_line("\n".join(summary(new, Ending(changes=changes))))
    assert told in lines
    assert "4 cases compared, 1 changed, 0 worse; 1 new, with nothing to compare them with." in lines
    assert "inadmissible in the baseline" not in plain(compare(new, document(case(), case(case="c")), "old"))


def test_many_of_them_are_counted_and_some_named():
    cases = [case(case=f"case-{n}", verdict="inadmissible", reason="loss is nan") for n in range(30)]
    told = one_line(plain(compare(document(*cases), document(*cases), "old")))
    assert "30 cases were inadmissible" in told
    assert "case-19 and 10 more." in told


def test_cells_that_were_best_when_their_training_ended_are_counted_and_named():
    cells = [
        *(cell(seed=seed, best_epoch=10, best_is_last=True) for seed in range(3)),
        cell(recommender="lattice", best_is_last=True),
        cell(recommender="bm3", best_is_last=False),
        cell(recommender="content-knn", epochs=0, best_epoch=0, best_is_last=False),
    ]
    told = (
        "The best epoch was the last one allowed in 4 of 5 trained cells (vbpr 3, lattice 1): "
        "more training might change the answer."
    )
    full = document(case(), cells=cells, statements={"noise": {"statement": "x"}})
    assert told in Markdown().render(full)
    assert told in Page().render(full)
    assert told in one_line("\n".join(summary(full, Ending())))
    settled = document(case(), cells=[cell(best_is_last=False), cell()])  # an earlier version said nothing of it
    assert "last one allowed" not in Markdown().render(settled) + Page().render(settled)
