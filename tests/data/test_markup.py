import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims._model.results import DatasetCard
from recclaims.data.markup import has_markup, plain_text
from recclaims.data.reference import open_source
from recclaims.plugin_manager import registry
from recclaims.reporting.tables import card

from ..drawing import examples
from ..toy import write_toy

SHOWN = {
    "Kitchen &amp; Dining": "Kitchen & Dining",
    "5 &#39;6&quot; &#x2122;": "5 '6\" \u2122",
    "a<br>b<BR/>c<br />d": "a b c d",
    "<p>One.</p><p class='x > y'>Two.</p>": " One.  Two. ",
    "<ul><li>soft</li><li>warm</li></ul>": "  soft  warm  ",
    "<b>so</b>ft, H<sub>2</sub>O, <a href=\"x?a=1&amp;b\" title='>'>here</a>": "soft, H2O, here",
    "one<!-- a note -->two<!DOCTYPE html>": "one two ",
    "x<script>if (a < b) { <b> }</script>y<style>p {}</style >z": "x  y  z",
    "never <script> closed": "never   closed",
    # What a browser shows is read once: these were written about markup.
    "&lt;b&gt; makes &amp;amp; of it": "<b> makes &amp; of it",
    # Neither tags nor entities.
    "I <3 you, 1 < 2 > 0": "I <3 you, 1 < 2 > 0",
    "List<String> and <name>": "List<String> and <name>",
    "AT&T, Q&A; R&D, Fun&times, &section": "AT&T, Q&A; R&D, Fun&times, &section",
    'a <b and "c': 'a <b and "c',
    "&nosuchentity; &#99999999;": "&nosuchentity; &#99999999;",
}


@pytest.mark.parametrize(("text", "expected"), SHOWN.items(), ids=range(len(SHOWN)))
def test_a_text_is_what_a_browser_shows(text, expected):
    assert plain_text(text) == expected
    assert has_markup(text) is (text != expected)


@examples(200)
@given(st.text("<>&;!-/ab\"'= #1script", max_size=60))
def test_whatever_stands_there_is_read_and_never_grows(text):
    assert len(plain_text(text)) <= len(text)


@pytest.mark.parametrize("piece", ["<", "<b ", '<b "', "<!--", "<script>", "&#", "&a", "<b a='", "</script "])
def test_a_long_line_of_anything_is_read_in_one_pass(piece):
    started = time.process_time()
    plain_text(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 10


def test_a_card_counts_the_texts_that_still_have_markup(tmp_path):
    clean = open_source(str(write_toy(tmp_path / "toy")), registry()).load()
    marked = replace(clean, items=[replace(clean.items[0], description="Soft &amp; warm"), *clean.items[1:]])
    assert "items_with_markup" not in clean.card()
    assert marked.card()["items_with_markup"] == 1
    assert "(1 with HTML tags or entities in it)" in card(DatasetCard.of(marked.card()))
