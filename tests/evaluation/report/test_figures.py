import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from deeplab_tf.evaluation.report.figures import line_chart, matrix_chart

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("<b>", "a & b", "$x^2$", "道" + "x" * 40)


def texts(svg, tag="text"):
    return [node.text for node in ElementTree.fromstring(svg).iter(SVG + tag)]


def curves(svg):
    """The points of every coloured line, one list a stroke."""
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    drawn = [path.attrib["d"] for path in paths if "stroke-width: 2" in path.attrib["style"]]
    strokes = [re.split("(?=M)", d.strip())[1:] for d in drawn]
    return [[re.findall(r"[ML] (\S+) (\S+)", stroke) for stroke in line] for line in strokes]


def test_lines_pass_through_their_values():
    shares = {1: 0.2, 11: 0.3, 21: 0.5, 40: 0.71}
    (((*points,),),) = curves(line_chart("x", "y", {0: shares}))
    x, y = np.array(points, float).T
    for found, expected in ((x, list(shares)), (y, list(shares.values()))):
        np.testing.assert_allclose(np.corrcoef(found, expected)[0, 1] ** 2, 1, atol=1e-6)
    assert y[0] > y[-1]  # up on the page


def test_a_missing_value_breaks_the_line():
    shares = dict(enumerate([0.1, 0.2, None, 0.3, 0.4]))
    ((first, second),) = curves(line_chart("x", "y", {0: shares}))
    assert len(first) == len(second) == 2


@pytest.mark.parametrize("shares", [[None, None], [0.5], [0.0, 1.0]])
def test_any_values_can_be_drawn(shares):
    assert "distance" in texts(line_chart("distance", "y", {7: dict(enumerate(shares))}))


def test_a_cell_shows_its_share_and_names_its_classes():
    shares = np.array(
        [[0.9, 0.1, 0, 0.004], [0, 0, 1, 0], [0.25, 0, 0.5, 0.25], [np.nan] * 4]
    )  # fmt: skip
    svg = matrix_chart(shares, NAMES)
    titles = {f"{NAMES[a]} → {NAMES[b]}: {100 * shares[a, b]:.2f} %" for a, b in
              [(0, 0), (0, 1), (1, 2), (2, 0), (2, 2), (2, 3)]}  # fmt: skip
    assert set(texts(svg, "title")) == titles
    numbers = [text for text in texts(svg) if text.isdigit()]
    assert numbers == ["90", "10", "100", "25", "50", "25"]
    cells = re.findall(r"fill: var\(--(right|wrong)\)(?:; opacity: ([\d.]+))?", svg)
    kinds = ["right", "wrong", "wrong", "wrong", "right", "wrong"]
    assert [kind for kind, _ in cells] == kinds
    opacities = [float(opacity or 1) for _, opacity in cells]
    np.testing.assert_allclose(opacities, np.sqrt([0.9, 0.1, 1, 0.25, 0.5, 0.25]), atol=1e-3)
    long = "道" + "x" * 26 + "…"
    assert [text for text in texts(svg) if text in {*NAMES, long}] == [*NAMES[:3], long] * 2


def test_a_large_matrix_has_names_and_no_numbers():
    names = [f"class {index}" for index in range(150)]
    svg = matrix_chart(np.eye(150), names)
    assert len(svg) < 300_000
    assert set(texts(svg)) == {*names, "label", "prediction"}
    assert len(texts(svg, "title")) == 150


def test_charts_share_a_page():
    svg = matrix_chart(np.eye(3), NAMES[:3]) + line_chart("x", "y", {0: {1: 0.1, 2: 0.3}})
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert "<style" not in svg and "#00000" not in svg


def test_the_users_settings_neither_matter_nor_change(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)
    assert "font-size: 9px" in line_chart("x", "y", {0: {1: 0.1, 2: 0.3}})
    assert matplotlib.rcParams["font.size"] == 30
