"""The page as a file: what is in it, what it may do, and that what people call things stays text."""

import base64
import cProfile
import hashlib
import re
import shlex
import time
from html.parser import HTMLParser

import pytest

from recclaims._model.results import ResultsDocument
from recclaims.reporting import plots, view
from recclaims.reporting.baseline import compare
from recclaims.reporting.changes import html
from recclaims.reporting.page import Page
from recclaims.reporting.svg import INKS
from recclaims.reporting.view import MOST_OF_ALL

from .documents import card, case, document, encoder, judged, keyword, large, not_run, raw

MARKUP = '<img src="https://example.org/x" onerror="alert(1)"></script><script>alert(2)</script>{{ 7 * 7 }} $x^2$ 🎬'


class Parsed(HTMLParser):
    """A page's elements with their attributes, and the text of each kind of element."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self._open = [], {}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def of(self, tag, **attributes):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in attributes.items())]


def page(*cases, **changes):
    return Page().render(document(*cases, **changes))


def hostile():
    """A document in which everything that somebody else names is markup."""
    names = {"dataset": MARKUP, "recommender": MARKUP, "treatment": MARKUP, "control": MARKUP, "claim": MARKUP}
    cases = [case(**names, case=MARKUP, reason=MARKUP), not_run(**names, case=MARKUP + "2"), case(dataset=MARKUP)]
    twin = case(dataset=MARKUP, treatment=MARKUP, claim="content", control="twin", recommender=MARKUP)
    return document(
        *cases,
        twin,
        datasets=[card(dataset=MARKUP, planted=True, split=MARKUP)],
        encoders=[encoder(encoder=MARKUP, dataset=MARKUP)],
        statements={MARKUP: {"version": 1, "statement": MARKUP, "source": MARKUP}},
        keywords=[keyword(encoder=MARKUP, slot=MARKUP, **{MARKUP: MARKUP})],
        environment={"cpu": MARKUP, "device": "cpu", "versions": {"torch": MARKUP}},
    )


def test_what_people_call_things_stays_text():
    parsed = Parsed(Page().render(hostile()))
    assert not parsed.of("img")
    assert len(parsed.of("script")) == 1
    assert not [a for _, a in parsed.elements if any(key.startswith("on") for key in a)]
    assert any(MARKUP in text for text in parsed.texts["h3"])
    assert any(text.startswith("<img") and "$x^2$" not in text[:20] for text in parsed.texts["text"])  # in the plots
    assert "49" not in "".join(parsed.texts["h3"])


def test_nothing_comes_from_outside():
    text = Page().render(large(1, 2))
    for tag, attributes in Parsed(text).elements:
        for key in ("src", "href", "action", "data", "srcset", "poster"):
            assert key not in attributes or attributes[key].startswith(("#", "data:,")), (tag, attributes)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_the_policy_names_the_script_and_the_style_sheet_that_are_there():
    text = page(case())
    (policy,) = [a["content"] for a in Parsed(text).of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy.replace("style-src-attr 'unsafe-inline'", "")


@pytest.mark.parametrize("content", [hostile, lambda: large(2, 2)], ids=["hostile", "large"])
def test_ids_are_unique_and_links_lead_somewhere(content):
    shown = Page().render(content())
    parsed = Parsed(shown)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for _, a in parsed.elements if a.get("href", "").startswith("#")}
    targets |= {a["aria-labelledby"] for _, a in parsed.elements if "aria-labelledby" in a}
    targets |= set(re.findall(r"url\(#([^)]+)\)", shown))
    assert targets <= set(ids)


def test_a_row_per_case_with_its_command():
    parsed = Parsed(page(case(), not_run(case="vbpr-resnet50-permuted-toy", treatment="resnet50")))
    assert [a["data-verdict"] for a in parsed.of("tr", role="row")[1:]] == ["supported", "not_run"]
    commands = [shlex.split(text) for text in parsed.texts["code"] if text.startswith("pytest ")]
    assert [words[words.index("-k") + 1] for words in commands] == [
        "[vbpr-sbert-permuted-toy]",
        "[vbpr-resnet50-permuted-toy]",
    ]


def test_the_board_counts_verdicts_and_leads_to_them():
    cases = [case(), case(control="gaussian", verdict="contradicted"), case(treatment="resnet50")]
    parsed = Parsed(page(*cases, case(recommender="freedom")))
    links = {(a["data-recommender"], a["data-verdict"]) for a in parsed.of("a", **{"data-claim": "noise"})}
    assert links == {("vbpr", "supported"), ("vbpr", "contradicted"), ("freedom", "supported")}
    assert [text.strip() for text in parsed.texts["a"] if "supported" in text] == ["2 supported", "1 supported"]


def test_it_opens_with_the_headlines_then_the_families_side_by_side_then_noise_and_content():
    found = [{"recommender": "vbpr", "dataset": "toy", "features": "sbert", "replicates": 3,
              "sentence": "vbpr uses sbert on toy: +10.0 % over other items' features"}]  # fmt: skip
    twin = case(claim="content", control="twin", case="vbpr-sbert-twin-toy")
    capacity = case(claim="capacity", treatment="sbert/permuted", treatment_noise="permuted", control="bpr", case="c")
    open_case = case(control="gaussian", case="g", verdict="inconclusive")
    shown = page(capacity, case(), open_case, twin, not_run(case="n"), headlines=found)
    places = [
        shown.index(text)
        for text in (
            "<strong>vbpr uses sbert on toy</strong>: +10.0\N{NO-BREAK SPACE}%",
            "No forecast for g.",
            "n: the weights are not here",
            '<th scope="col">noise: permuted</th><th scope="col">content: twin</th>',
            "<h3>noise",
            "<h3>content",
            "<h3>capacity",
            'id="table"',
            'id="board"',
        )
    ]
    assert places == sorted(places)
    assert "<details" not in shown[shown.index('id="side"') : shown.index('id="effects"')]


def test_landmarks_can_be_told_apart():
    content = large(2, 2).model_copy(update={"headlines": None})
    parsed = Parsed(Page().render(content))
    titles = dict(re.findall(r'<h2 id="([\w-]+)">([^<]*)<', Page().render(content)))
    names = [titles[a["aria-labelledby"]] for a in parsed.of("section")]
    names += [a["aria-label"] for _, a in parsed.elements if a.get("role") == "region"]
    assert len(names) == len(set(names))


def test_a_page_says_what_got_worse_better_and_new():
    old = document(case(), case(case="b", verdict="inconclusive"), case(case="gone"))
    new = document(case(verdict="contradicted", reason=MARKUP), case(case="b"), case(case=MARKUP))
    shown = html(compare(old, new, "old"), "old.json", "new.json")
    parsed = Parsed(shown)
    titles = ["Got worse: 2 cases", "Got better: 1 case", "New: 1 case"]
    assert parsed.texts["h2"] == titles
    assert not parsed.of("img")
    assert not parsed.of("script")
    assert "the case is gone" in shown
    assert "No verdict changed" in html(compare(old, old, "old"), "a", "b")


def test_sections_appear_only_with_what_they_show():
    bare = page(case())
    assert 'id="keywords"' not in bare
    assert 'id="cost"' not in bare
    full = page(
        case(claim="content", control="twin"),
        encoders=[encoder()],
        keywords=[keyword(entropy=0.123456, examples=["a", "b"], share=0.123456)],
    )
    assert 'id="cost"' in full
    assert "<td>0.1235</td><td>0.25</td><td>a, b</td><td>0.1235</td>" in full


def test_a_document_without_cases_or_with_the_baselines_keys_alone_is_a_page():
    assert "No case was run" in page()
    slim = raw(case())
    for key in ("cells", "encoders", "created"):
        del slim[key]
    assert "1 supported" in Page().render(ResultsDocument.of(slim))


def test_planted_data_is_labelled_wherever_it_is_named():
    shown = page(case(), datasets=[card(planted=True)])
    assert shown.count('<span class="planted">') == 5  # side by side, figure, row, board, card
    assert '<span class="planted">' not in page(case())


def test_a_card_says_what_a_dataset_was_made_with_and_of():
    one = card(parameters={"dose": 0.5, "channel": "joint"}, notes=["answers.csv: 3 of 4 items", "items.csv: all"])
    shown = page(case(), datasets=[one])
    assert "dose 0.5, channel joint" in shown
    assert "answers.csv: 3 of 4 items; items.csv: all" in shown
    assert "parameters" not in page(case(), datasets=[card(parameters={}, notes=[])])


def test_a_claim_says_what_it_claims():
    says = {"version": 1, "statement": "A is B.", "source": "someone", "direction": "greater", "equivalence": False}
    assert "to the right of zero" in page(case(), statements={"noise": says})
    assert "to the left of zero" in page(case(), statements={"noise": {**says, "direction": "less"}})
    equal = page(case(), statements={"noise": {**says, "equivalence": True}})
    assert "noise: A is B." in equal
    assert "the whole interval inside the band" in equal
    assert "zero" not in equal.split("Claimed:")[1].split("</p>")[0]
    assert "interval to the left of +2 %." in page(case(), statements={"noise": {**says, "not_better_than": 0.02}})
    assert "interval to the right of -1 %." in page(case(), statements={"noise": {**says, "not_worse_than": 0.01}})
    assert "interval to the right of +5 %." in page(case(), statements={"noise": {**says, "at_least": 0.05}})


def test_the_same_document_gives_the_same_page():
    assert Page().render(large(1, 1)) == Page().render(large(1, 1))


@pytest.mark.minutes  # seconds by itself
def test_a_full_run_stays_small():
    content = large()
    assert len(content.claims) > 1_000
    assert len(Page().render(content).encode()) < 3_000_000


def lines(drawing, colour):
    """The x of both ends of every line of a colour."""
    name = colour.replace("_", "-")
    found = re.findall(rf'd="M ([\d.-]+) [\d.-]+ +L ([\d.-]+) [\d.-]+ +"[^>]*stroke: var\(--{name}\)', drawing)
    return [(float(left), float(right)) for left, right in found]


@pytest.mark.parametrize("narrow", [False, True])
def test_an_interval_is_drawn_where_it_lies(narrow):
    drawing = plots.forest(
        [judged(), judged(effect=-0.03, ci=[-0.06, 0.0], verdict="contradicted")], "f", "label", narrow
    )
    ((low, high),) = lines(drawing, "supported")
    ((other_low, zero),) = lines(drawing, "contradicted")
    # +5 to +15 % on one side, -20 to 0 % on the other: 3 : 1 : -4.
    assert (high - zero) / (low - zero) == pytest.approx(3, abs=0.02)
    assert (other_low - zero) / (low - zero) == pytest.approx(-4, abs=0.02)
    band = re.search(r'd="M ([\d.]+) [\d.]+ +L ([\d.]+) [^"]*"[^>]*fill: var\(--band\)', drawing)
    assert (float(band[2]) - zero) / (low - zero) == pytest.approx(0.4, abs=0.02)  # the margin of 2 % against 5 %


def test_a_far_effect_leaves_the_near_ones_apart():
    far = judged(effect=1.2, ci=[1.0, 1.4], verdict="no_difference")
    drawing = plots.forest([judged(), far], "f", "label")
    assert "logarithmic beyond" in drawing
    ((low, high),) = lines(drawing, "supported")
    assert high - low > 20
    assert lines(drawing, "no_difference")[0][0] > high


def test_an_open_interval_runs_to_the_edges():
    drawing = plots.forest([judged(ci=[None, None], verdict="inconclusive")], "f", "label")
    ((low, high),) = lines(drawing, "inconclusive")
    assert high - low == pytest.approx(plots.WIDE - 290 - 170, abs=1)
    assert "stroke-dasharray" in drawing


@pytest.mark.parametrize("narrow", [False, True])
def test_long_names_leave_both_arms_to_be_read(narrow):
    long = judged(
        treatment="late_fusion:attributes+sbert/permuted_within_category", control="weighted_graph_of_many_parts"
    )
    drawing = plots.forest([long, judged()], "f", "label", narrow)
    (label,) = re.findall(r">(late[^<]*)<", drawing)
    assert re.fullmatch(r"late_\S*… vs weig\S*…", label)
    assert ">sbert vs permuted<" in drawing


def test_the_plots_use_no_colour_of_their_own():
    text = page(case(claim="content", control="twin"), encoders=[encoder()])
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "var(--supported)" in drawings
    assert not set(INKS.values()) & set(re.findall(r"#\w{6}\b", drawings))
    assert not re.findall(r"(?:fill|stroke): #\w+", drawings)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_in_light_and_in_dark_mode():
    style = re.search(r"<style>(.*?)</style>", page(case()), re.DOTALL)[1]
    modes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(modes) == 2
    for mode in modes:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", mode))
        words = set(colours) - {"page", "raised", "band", "rule", "line"}
        assert len(words) == 9
        for ground in ("page", "raised", "band"):
            for word in words if ground != "band" else {"text"}:
                bright, dark = sorted((luminance(colours[ground]), luminance(colours[word])), reverse=True)
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (word, ground, colours)


def test_a_plot_of_very_many_cases_shows_some_and_says_so(monkeypatch):
    """A plot of 1,000 cases takes 40 seconds, and nobody can read it."""
    assert view.MOST <= 200
    monkeypatch.setattr(view, "MOST", 5)
    cases = [case(case=f"vbpr-e{number}-permuted", treatment=f"e{number}") for number in range(1_000)]
    started = time.process_time()
    shown = page(*cases)
    assert "The first 5 of 1000 cases are drawn; the table of cases holds all." in shown
    assert "vbpr-e999-permuted" in shown
    assert time.process_time() - started < 30
    assert "cases are drawn" not in page(*cases[:5])


def test_a_page_of_many_claims_draws_as_much_as_one_can_read(monkeypatch):
    """Drawing takes a hundred times as long as a row of the table."""
    drawn = []
    monkeypatch.setattr("recclaims.reporting.plots.forest", lambda cases, *_: drawn.append(len(cases)) or "<svg/>")
    cases = [
        case(claim=f"claim{n % 30}", dataset=f"d{n % 7}", treatment=f"t{n}", case=f"vbpr-t{n}-permuted-d{n % 7}")
        for n in range(1_200)
    ]
    shown = page(*cases, datasets=[card(dataset=f"d{n}") for n in range(7)])
    assert 0 < sum(drawn) // 2 <= MOST_OF_ALL  # in two layouts
    assert min(drawn) > 0
    assert "cases are drawn; the table of cases holds all." in shown
    assert all(f"vbpr-t{n}-permuted-d{n % 7}" in shown for n in range(1_200))
    drawn.clear()
    page(*cases[:210])  # no more than are read
    assert sum(drawn) // 2 == 210


def test_four_times_the_claims_are_four_times_the_work(monkeypatch):
    """By calls of functions, which no busy machine changes."""
    monkeypatch.setattr("recclaims.reporting.plots.forest", lambda *_: "<svg/>")

    def calls(n):
        cases = [
            case(recommender=f"r{i % 10}", treatment=f"t{i // 40}", control=f"c{i // 10 % 4}", case=f"case{i}")
            for i in range(n)
        ]
        profile = cProfile.Profile()
        profile.runcall(page, *cases)
        return sum(entry.callcount for entry in profile.getstats())

    few, many = calls(400), calls(1_600)
    assert many < 4.4 * few
