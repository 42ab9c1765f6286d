"""Any text in any place of a document stays text, on the page and in LaTeX."""

import functools
import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recclaims._model.results import KeywordRow, ResultsDocument
from recclaims.reporting.latex import Latex, escape
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.page import Page

from ..drawing import examples
from . import documents
from .documents import card, encoder, keyword, raw
from .test_page import Parsed

#: Texts that are markup somewhere, and any others.
PARTS = st.sampled_from(
    [
        "<script>",
        "</td>",
        "-->",
        "<!--",
        "&lt;",
        "]]>",
        "'",
        '"',
        "{{",
        "{%",
        "\\end{table}",
        "\\",
        "$",
        "%",
        "&",
        "\n",
        "`",
        "[a](http://b)",
        "![a](https://b/c.png)",
        "[a]: http://b",
        "https://b.c/d",
        "www.b.c",
        "a@b.c",
        "@somebody",
        "#12",
        "|",
        "_a_",
        "**a**",
        "- ",
        "1. ",
        "~~~",
    ]
)
TEXTS = st.lists(st.one_of(PARTS, st.text(max_size=8)), min_size=1, max_size=5).map("".join).filter(str.strip)


def everywhere(text):
    """A document in which everything that somebody else names is this text."""
    names = dict.fromkeys(("claim", "case", "dataset", "recommender", "treatment", "control", "reason"), text)
    content = raw(
        not_run(**names),
        datasets=[card(dataset=text, split=text, parameters={text: text})],
        encoders=[encoder(encoder=text, dataset=text)],
        statements={text: {"version": 1, "statement": text, "source": text}},
        keywords=[
            keyword(
                encoder=text,
                dataset=text,
                slot=text,
                examples=[text],
                **({} if text in KeywordRow.model_fields else {text: text}),
            )
        ],
        references={text: text},
        environment={"cpu": text, "device": text, "versions": {text: text}},
        profile=text,
        mask=text,
    )
    return ResultsDocument.of(content)


def not_run(*, reason, **names):
    """A case without an effect, so that nothing is drawn: plots have tests of their own."""
    return documents.not_run(**names) | {"reason": reason}


def shape(page):
    """The page's elements and the names of their attributes, but for what follows from a text being shown twice."""
    return [(tag, sorted(attributes)) for tag, attributes in Parsed(page).elements]


@functools.cache
def plain():
    return shape(Page().render(everywhere("plain")))


@examples(12)
@given(TEXTS)
def test_no_text_changes_the_elements_of_the_page(text):
    assert shape(Page().render(everywhere(text))) == plain()


@examples(200)
@given(TEXTS)
def test_no_text_is_a_command_of_latex(text):
    escaped = escape(text)
    assert "\n" not in escaped
    rest = re.sub(r"\\(?:text(?:backslash|asciitilde|asciicircum|less|greater|bar)\{\}|[&%$#_{}])", "", escaped)
    assert not set("\\&%$#_~^") & set(rest)
    depth = 0
    for brace in re.findall(r"[{}]", rest):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


@examples(60)
@given(TEXTS)
def test_no_text_changes_the_rows_of_latex(text):
    def rows(name):
        return [line.count("&") - line.count("\\&") for line in Latex().render(everywhere(name)).splitlines()]

    assert rows(text) == rows("plain")


def rendered(text):
    """The page as GitHub's kind of Markdown reads it, without comments."""
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(Markdown().render(everywhere(text)))
    return html.replace("<!-- -->", "")


MARKDOWN = shape(rendered("plain"))


@examples(100)
@given(TEXTS)
def test_no_text_is_markup_of_markdown(text):
    assert shape(rendered(text)) == MARKDOWN


@examples(100)
@given(TEXTS)
def test_github_finds_no_address_person_or_issue_in_a_text(text):
    page = Markdown().render(everywhere(text))
    assert not re.search(r"(?i)://|www\.|@\w|#\d|mailto:", page)


def test_an_interval_stays_readable():
    assert "+10.0 % [+5.0, +15.0]" in Markdown().render(documents.document(documents.case()))
