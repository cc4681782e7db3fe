import numpy as np
import pytest

from deeplab_tf.crf.lattice.build_lattice import build_lattice
from deeplab_tf.crf.lattice.simplex import find_simplexes
from tests.crf.lattice.points import points


def test_moving_all_points_alike_keeps_the_neighbours():
    # By whole lattice steps, so that every point stays where it is in its simplex.
    features = points(300, 2)
    step = 10 * 3 / (np.sqrt(2 / 3) * 3 / np.sqrt(2)) / 2
    moved = [features[0] + np.float32(step * 2), features[1]]
    here, there = build_lattice(features), build_lattice(moved)
    assert [int(size) for size in here.sizes] == [int(size) for size in there.sizes]
    assert [len(e) for e in here.edges] == [len(e) for e in there.edges]


def test_equal_points_share_their_vertices():
    features = [np.repeat(f, 4) for f in points(50, 5)]
    vertices = np.stack(build_lattice(features).vertices).reshape(2, 50, 4, 3)
    assert (vertices == vertices[:, :, :1]).all()


@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_every_vertex_is_touched_and_neighbours_are_those_a_step_away(dimensions):
    features = points(200, dimensions, spread=0.7)
    lattice, simplexes = build_lattice(features), find_simplexes(features)
    parts = [{} for _ in lattice.sizes]  # a vertex's place by its number
    for r, keys in enumerate(simplexes.keys):
        numbers = lattice.vertices[r % len(parts)][:, r // len(parts)]
        for number, key in zip(numbers.numpy().tolist(), keys.numpy().tolist(), strict=True):
            assert parts[r % len(parts)].setdefault(number, (r, key)) == (r, key)
    assert [sorted(part) for part in parts] == [list(range(size)) for size in lattice.sizes]
    steps = [*(int(stride) for stride in simplexes.strides), 0]
    for axis, edges in enumerate(lattice.edges):
        found = {frozenset((parts[0][a], parts[-1][b])) for a, b in edges.numpy().tolist()}
        everywhere = {place for part in parts for place in part.values()}
        expected = set()
        for r, key in everywhere:
            lower = (r - 1) % (dimensions + 1)
            step = steps[axis] - (0 if r else sum(steps))
            if (lower, key + step) in everywhere:
                expected.add(frozenset(((r, key), (lower, key + step))))
        assert found == expected and len(found) == len(edges) > 0
