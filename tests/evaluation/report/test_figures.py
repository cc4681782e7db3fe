import numpy as np
import pytest

from deeplab_tf.evaluation.report.charts import bars, curves, heat_map, strength


def points(path):
    """Splits an SVG path into its strokes, each a list of points."""
    strokes = [stroke.split("L") for stroke in path.attrib["d"].split("M")[1:]]
    return [[tuple(map(float, point.split())) for point in stroke] for stroke in strokes]


def test_curves_pass_through_their_values():
    xs, shares = [1, 2, 5, 40], [0.2, 0.35, 0.5, 0.71]
    drawing = curves("a title", "x", [(1, xs, shares)])
    (path,) = drawing.iter("path")
    assert path.attrib["class"] == "series1"
    (stroke,) = points(path)
    grid = {float(line.attrib["y1"]) for line in drawing.iter("line")}
    ticks = [float(t.text) for t in drawing.iter("text") if t.attrib["text-anchor"] == "end"]
    # The ticks' places give the scale that the values are read off with.
    slope, offset = np.polyfit(sorted(grid, reverse=True), sorted(ticks), 1)
    read = [slope * y + offset for _, y in stroke]
    np.testing.assert_allclose(read, np.multiply(100, shares), atol=0.2)
    across = np.array([x for x, _ in stroke])
    np.testing.assert_allclose(
        (across - across[0]) / np.ptp(across), np.subtract(xs, 1) / 39, atol=1e-3
    )


def test_a_missing_value_breaks_the_line():
    (path,) = curves("t", "x", [(0, [1, 2, 3, 4, 5], [0.1, 0.2, None, 0.3, 0.4])]).iter("path")
    assert [len(stroke) for stroke in points(path)] == [2, 2]


@pytest.mark.parametrize(
    "shares", [[None, None], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5001]]
)
def test_any_range_can_be_drawn(shares):
    drawing = curves("t", "x", [(0, [1, 2], shares)])
    ticks = [t.text for t in drawing.iter("text") if t.attrib["text-anchor"] == "end"]
    assert 2 <= len(ticks) <= 8
    assert len(set(ticks)) == len(ticks)


def test_bars_are_as_long_as_their_shares():
    rectangles = list(bars([0.25, None, 1.0]).iter("rect"))
    assert [float(r.attrib["width"]) for r in rectangles] == [25, 100]
    assert [r.attrib["class"] for r in rectangles] == ["series0", "series2"]
    assert float(rectangles[1].attrib["y"]) > float(rectangles[0].attrib["y"]) + 10


def test_heat_map_draws_what_is_not_rare():
    shares = np.array([[0.9, 0.1, 0.001], [0.0, 0.0, 1.0], [np.nan] * 3])
    cells = [
        r for r in heat_map("t", shares, ["a", "b", "c"]).iter("rect") if "title" in str(list(r))
    ]
    assert [r[0].text for r in cells] == ["a → a: 90.00 %", "a → b: 10.00 %", "b → c: 100.00 %"]
    assert [r.attrib["class"] for r in cells] == ["right", "wrong", "wrong"]
    opacities = [float(r.attrib["fill-opacity"]) for r in cells]
    assert opacities == [round(strength(s), 2) for s in (0.9, 0.1, 1.0)]
    a_b, b_c = cells[1:]
    assert float(a_b.attrib["x"]) < float(b_c.attrib["x"])
    assert float(a_b.attrib["y"]) < float(b_c.attrib["y"])
