import numpy as np
import pytest
from skimage.draw import ellipse as draw_ellipse
from skimage.draw import polygon as draw_polygon

from deeplab_tf.data.sources.raster import as_points, ellipse, polygon, rectangle, stroke
from deeplab_tf.data.sources.region import bitmap, run_lengths, union

SIZE = (23, 31)


def whole(region, size=SIZE):
    mask = np.zeros(size, bool)
    top, left, part = region
    assert top >= 0 and top + part.shape[0] <= size[0] and left >= 0
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    return mask


def points_in(generator, count, low=-10, high=40):
    return generator.uniform(low, high, (count, 2))


@pytest.mark.parametrize("seed", range(30))
def test_polygons_are_those_of_skimage(seed):
    points = points_in(np.random.default_rng(seed), 3 + seed % 9)
    rows, columns = draw_polygon(points[:, 1] - 0.5, points[:, 0] - 0.5, SIZE)
    wanted = np.zeros(SIZE, bool)
    wanted[rows, columns] = True
    np.testing.assert_array_equal(whole(polygon(points, SIZE)), wanted)


def test_polygons_that_share_an_edge_share_no_pixel():
    corners = np.array([[0, 0], [31, 0], [31, 23], [0, 23]], float)
    for inner in ([15.5, 11.5], [7.0, 3.5], [10.25, 20.0]):
        triangles = [np.array([corners[i], corners[(i + 1) % 4], inner]) for i in range(4)]
        counts = sum(whole(polygon(triangle, SIZE)).astype(int) for triangle in triangles)
        assert (counts == 1).all()


def test_whole_corners_are_whole_pixels():
    wanted = np.zeros(SIZE, bool)
    wanted[3:7, 2:5] = True
    for corners in ((2, 3, 5, 7), (5, 7, 2, 3)):
        np.testing.assert_array_equal(whole(rectangle(np.reshape(corners, (2, 2)), SIZE)), wanted)


def test_turned_rectangles_are_upright_ones_with_sides_changed():
    wide = whole(rectangle([[4, 8], [16, 12]], SIZE, angle=90))
    np.testing.assert_array_equal(wide, whole(rectangle([[8, 4], [12, 16]], SIZE)))
    turned_45 = whole(rectangle([[10, 5], [14, 15]], SIZE, angle=45))
    # Clockwise on the screen: what was the upper end points to the right.
    assert turned_45[7, 15] and not turned_45[7, 8]


@pytest.mark.parametrize(("radii", "angle"), [((6, 6), 0), ((9.3, 4.1), 0), ((9.3, 4.1), 30)])
def test_ellipses_are_those_of_skimage(radii, angle):
    x, y = 14.2, 10.7
    wanted = np.zeros(SIZE, bool)
    rotation = -np.radians(angle)  # there counter-clockwise
    rows, columns = draw_ellipse(
        y - 0.5, x - 0.5, radii[1], radii[0], shape=SIZE, rotation=rotation
    )
    wanted[rows, columns] = True
    np.testing.assert_array_equal(whole(ellipse((x, y), radii, SIZE, angle)), wanted)


@pytest.mark.parametrize("seed", range(8))
def test_strokes_by_brute_force(seed):
    generator = np.random.default_rng(seed)
    points, width = points_in(generator, 1 + seed % 4, 0, 25), generator.uniform(1, 8)
    ends = points[1:] if len(points) > 1 else points
    wanted = np.zeros(SIZE, bool)
    for y, x in np.ndindex(*SIZE):
        for start, end in zip(points, ends, strict=False):
            along = start + np.linspace(0, 1, 4000)[:, None] * (end - start)
            wanted[y, x] |= np.hypot(*(along - (x + 0.5, y + 0.5)).T).min() <= width / 2
    different = whole(stroke(points, width, SIZE)) != wanted
    assert different.sum() <= 1  # the brute force sees points of the line only


def test_a_horizontal_line_is_as_wide_as_said():
    mask = whole(stroke(np.array([[5, 10], [20, 10]], float), 4, SIZE))
    assert mask[:, 12].sum() == 4 and mask[8:12, 12].all()


def test_bitmaps_are_cut_at_the_edges():
    mask = np.arange(1, 13).reshape(3, 4) % 2
    for top, left in ((0, 0), (-1, -2), (21, 29), (5, -3), (-2, 30)):
        padded = np.zeros((63, 71), bool)
        padded[20 + top : 23 + top, 20 + left : 24 + left] = mask
        wanted = padded[20 : 20 + SIZE[0], 20 : 20 + SIZE[1]]
        np.testing.assert_array_equal(whole(bitmap(mask, top, left, SIZE)), wanted)


def test_run_lengths_by_hand():
    by_columns = run_lengths([1, 2, 3], 2, 3, by_columns=True)
    np.testing.assert_array_equal(by_columns, [[0, 1, 0], [1, 0, 0]])
    by_rows = run_lengths([0, 1, 4, 1], 2, 3, by_columns=False)
    np.testing.assert_array_equal(by_rows, [[1, 0, 0], [0, 0, 1]])
    for wrong in ([1, 2], [-1, 7], [[6]], [7]):
        with pytest.raises(ValueError, match="do not make a mask of 3 x 2 pixels"):
            run_lengths(wrong, 2, 3, by_columns=True)


def test_a_union_has_the_pixels_of_all_parts():
    parts = [
        rectangle([[2, 3], [5, 7]], SIZE),
        rectangle([[4, 1], [20, 4]], SIZE),
        rectangle([[0, 20], [1, 22]], SIZE),
    ]
    np.testing.assert_array_equal(
        whole(union(parts)), np.logical_or.reduce([whole(part) for part in parts])
    )
    assert union(parts[:1]) is parts[0]


def test_what_lies_outside_is_an_error():
    far = np.array([[40, 2], [50, 2], [50, 9]], float)
    for draw in (
        lambda: polygon(far, SIZE),
        lambda: stroke(far, 3, SIZE),
        lambda: rectangle([[-9, -9], [-2, -2]], SIZE),
        lambda: ellipse((100, 5), (3, 3), SIZE),
        lambda: bitmap(np.ones([3, 3]), 23, 0, SIZE),
        lambda: bitmap(np.ones([3, 3]), 0, -3, SIZE),
    ):
        with pytest.raises(ValueError, match="lies outside the image"):
            draw()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3, 4]], r"2 point\(s\), at least 3"),
        ([1, 2, 3], "pairs"),
        ([[1, 2], [3, 4], [5, float("nan")]], "finite"),
        ([["a", "b"]] * 3, "could not convert"),
        ([[1, 2], [3]], "inhomogeneous"),
        ([], "pairs"),
    ],
)
def test_what_are_no_points(values, message):
    with pytest.raises(ValueError, match=message):
        as_points(values, 3)


def test_an_ellipse_has_an_area():
    with pytest.raises(ValueError, match="radii must be above 0, received 0 and 3"):
        ellipse((5, 5), (0, 3), SIZE)
