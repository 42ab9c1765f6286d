"""Texts that were cut out of web pages: tags and entities as a browser shows them."""

from __future__ import annotations

import html
import re

#: Elements that are shown within a line: what they part is still one word, as in H<sub>2</sub>O.
_WITHIN = (
    "a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup "
    "tt u var wbr"
)
#: Elements between which words end.
_BETWEEN = (
    "address article aside audio blockquote body br button caption center dd details dir div dl dt embed fieldset "
    "figcaption figure footer form frame h1 h2 h3 h4 h5 h6 head header hr html iframe img input label legend li link "
    "main menu meta nav noscript object ol option p param pre section select table tbody td textarea tfoot th thead "
    "title tr ul video"
)
#: Elements whose content no browser shows.
_HIDDEN = ("script", "style")
_LEAVES = {**dict.fromkeys(_WITHIN.split(), ""), **dict.fromkeys((*_BETWEEN.split(), *_HIDDEN), " ")}
#: What begins like a tag and is none (`<3`, `List<String>`) is text. Neither part crosses the next `<`, so that
#: a text of nothing else is read in one pass.
_TAG = re.compile(r"""<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?:[\s/](?:[^<>"']|"[^"<]*"|'[^'<]*')*)?>""")
_COMMENT = re.compile(r"<!--[^<]*?-->|<!(?:DOCTYPE|doctype)[^<>]*>")
#: With its semicolon alone: `&para` and `&section` begin like entities that HTML takes without.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def plain_text(text: str) -> str:
    """The text without tags and with characters for entities; white space is left to the caller.

    A tag that ends a line or a cell leaves a blank, one within a line nothing. Only elements of HTML are tags, only
    what ends in a semicolon is an entity, and an entity is read once: `&amp;lt;` becomes `&lt;`, which a browser shows.
    """
    if "<" in text:
        text = _without_tags(_COMMENT.sub(" ", text))
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def has_markup(text: str) -> bool:
    """Whether `plain_text` would change it."""
    return ("<" in text or "&" in text) and plain_text(text) != text


def _without_tags(text: str) -> str:
    kept: list[str] = []
    start, hidden = 0, ""
    for tag in _TAG.finditer(text):
        name = tag["name"].lower()
        if hidden and not (tag["end"] and name == hidden):
            continue
        if name not in _LEAVES:
            continue
        if not hidden:
            kept.append(text[start : tag.start()])
        kept.append(_LEAVES[name])
        start = tag.end()
        hidden = name if name in _HIDDEN and not tag["end"] else ""
    return "".join((*kept, text[start:]))  # an element that never ends hides nothing
