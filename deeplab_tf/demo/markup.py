"""HTML as a tree of elements: text is escaped where the tree is written, nowhere else."""

from __future__ import annotations

import math
from xml.etree import ElementTree

Element = ElementTree.Element


def element(tag: str, *children: Element | str, **attributes) -> Element:
    """Makes an element of HTML or SVG.

    Args:
        tag: its name.
        children: elements and text, in order.
        attributes: `class_` stands for class and `_` for a hyphen; None leaves one out.

    Example:
        >>> to_html(element("p", "a < b", element("br"), class_="note"))
        '<p class="note">a &lt; b<br></p>'
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    made = Element(tag, {names[n]: str(v) for n, v in attributes.items() if v is not None})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def to_html(root: Element) -> str:
    """Writes a tree as HTML."""
    return ElementTree.tostring(root, encoding="unicode", method="html")


def swatch(color: tuple[int, int, int]) -> Element:
    """Makes a small square in a colour."""
    style = f"background:rgb{tuple(color)}"
    return element("span", class_="swatch", style=style, aria_hidden="true")


def shown(share: float | None, digits: int = 2) -> str:
    """Formats a score or share, 0..1, in per cent; "–" where there is none.

    Example:
        >>> shown(0.12345), shown(None), shown(float("nan"))
        ('12.35', '–', '–')
    """
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"
