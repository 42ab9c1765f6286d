"""From matplotlib's SVG to one that lives inside a page: its colours from the page's style sheet, its ids its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from recclaims._model.verdict import Verdict
from recclaims.reporting.styles import colour

#: Colours that no plot uses otherwise: the style sheet's variable of the same name takes their place, so that a
#: plot follows the reader's light or dark mode. matplotlib itself knows no variables.
INKS = {
    name: f"#0{number:x}0{number:x}0{number:x}"
    for number, name in enumerate(("text", "rule", "band", "page", *Verdict), start=1)
}
_VARIABLES = {ink: f"var({colour(name)})" for name, ink in INKS.items()}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_DROPPED = {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}  # a style sheet would apply to the whole page
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LONG = re.compile(r"(\.\d\d)\d+")
#: What the page or the drawing as a whole says already.
_USUAL = re.compile(r"\s*(font-family: [^;]+|font-size: 12px|text-anchor: start|fill: var\(--text\))(;|$)")


def inline(text: str, name: str, label: str) -> str:
    """Return an `<svg>` element for a page.

    Args:
        text: the SVG file that matplotlib wrote.
        name: what its ids begin with; unique on the page.
        label: what a screen reader says instead.
    """
    root = ElementTree.fromstring(text)  # noqa: S314 - our own drawing, and names in it are text
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in _DROPPED]:
            parent.remove(child)
    used = {element.attrib[_XLINK][1:] for element in root.iter() if _XLINK in element.attrib}
    for element in root.iter():
        _rewrite(element, used, name)
    keep = {"viewBox": root.attrib["viewBox"], "class": "plot", "role": "img", "aria-label": label}
    keep |= {"width": f"{width:g}", "height": f"{height:g}", "stroke-linejoin": "round"}
    keep |= {"font-size": "12px", "fill": "var(--text)"}
    _flatten(root)
    root.attrib.clear()
    root.attrib.update(keep)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _rewrite(element: ElementTree.Element, used: set[str], name: str) -> None:
    """Name ids after the drawing, drop those that nothing refers to, shorten numbers, put variables for inks."""
    found = element.attrib
    if element.tag == f"{{{_SVG}}}clipPath" or found.get("id") in used:
        found["id"] = f"{name}-{found['id']}"
    else:
        found.pop("id", None)
    if _XLINK in found:
        found["href"] = f"#{name}-{found.pop(_XLINK)[1:]}"
    if "clip-path" in found:
        found["clip-path"] = _REFERENCE.sub(rf"url(#{name}-\1)", found["clip-path"])
    for key in ("d", "x", "y", "transform", "width", "height"):
        if key in found:
            found[key] = _LONG.sub(r"\1", found[key])
    if found.get("transform", "").startswith("rotate(-0 "):
        del found["transform"]
    style = found.pop("style", "")
    for ink, variable in _VARIABLES.items():
        style = style.replace(ink, variable)
    if style := _USUAL.sub("", style).strip():
        found["style"] = style


def _flatten(element: ElementTree.Element) -> None:
    """Take out groups that say nothing, and the white space between elements: half of the bytes are these."""
    children: list[ElementTree.Element] = []
    for child in element:
        _flatten(child)
        child.tail = None
        children += list(child) if child.tag == f"{{{_SVG}}}g" and not child.attrib else [child]
    element[:] = children
    if children:
        element.text = None
