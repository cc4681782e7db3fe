"""HTML as a tree of elements: text is escaped where the tree is written, nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable
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


def table(head: Iterable, rows: Iterable[Iterable], caption: str, **attributes) -> Element:
    """Makes a table that scrolls by itself where the window is narrow.

    Args:
        head: the columns' headings.
        rows: cells; the first of a row is its heading. A `td` or `th` is taken as it is,
            anything else becomes a cell's content.
        caption: what the table shows.
        attributes: of the table.
    """
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(_cell(cell, "th", scope="col") for cell in head))),
        element("tbody", *(_row(*row) for row in rows)),
        **attributes,
    )
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _row(heading, *cells) -> Element:
    return element("tr", _cell(heading, "th", scope="row"), *(_cell(cell, "td") for cell in cells))


def _cell(content, tag: str, **attributes) -> Element:
    if isinstance(content, Element) and content.tag in ("td", "th"):
        return content
    return element(tag, content, **attributes)


def section(title: str, *children: Element | None) -> Element:
    """Makes a part of the page; a child that is None is left out."""
    return element("section", element("h2", title), *(c for c in children if c is not None))


def folded(summary: str, *children: Element) -> Element:
    """Makes a part that opens when its summary is clicked."""
    return element("details", element("summary", summary), *children)


def swatch(color: tuple[int, int, int] | None = None, class_: str = "") -> Element:
    """Makes a small square in a colour, or in that of a class of the style sheet."""
    style = None if color is None else f"background:rgb{tuple(color)}"
    return element("span", class_=f"swatch {class_}".strip(), style=style, aria_hidden="true")


def shown(share: float | None, digits: int = 2) -> str:
    """Formats a score or share, 0..1, in per cent; "–" where there is none.

    Example:
        >>> shown(0.12345), shown(None), shown(float("nan"))
        ('12.35', '–', '–')
    """
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"
