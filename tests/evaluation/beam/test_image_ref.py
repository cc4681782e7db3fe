import pickle

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.image import read_upright
from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam.image_ref import ImageRef, PathsPart, common_folder
from tests.data.archives import save_image


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_bytes_are_read_as_their_file(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    save_image(file, 3)
    wanted = read_upright(file)
    np.testing.assert_array_equal(ImageRef(str(file), "a").read(), wanted)
    np.testing.assert_array_equal(ImageRef("row 3", "a", file.read_bytes()).read(), wanted)


def test_a_missing_file_and_missing_bytes(tmp_path):
    with pytest.raises(DataError, match=r"none\.jpg: cannot be read"):
        ImageRef(str(tmp_path / "none.jpg"), "a").read()
    with pytest.raises(DataError, match=r"^row 3: no bytes"):
        ImageRef("row 3", "a", b"").read()
    with pytest.raises(DataError, match=r"^row 3: no image of a known format"):
        ImageRef("row 3", "a", b"text").read()
    with pytest.raises(DataError, match=r"^gs:/b/a.jpg: an address, not a path"):
        ImageRef("gs:/b/a.jpg", "a").read()


def test_an_error_of_tensorflow_is_one_of_the_image(tmp_path, monkeypatch):
    def exhausted(path):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM {{node x}} when allocating")

    monkeypatch.setattr("deeplab_tf.evaluation.beam.image_ref.read_upright", exhausted)
    with pytest.raises(DataError, match=r"^/a.jpg: cannot be read \(OOM when allocating\)"):
        ImageRef("/a.jpg", "a").read()


def test_a_part_survives_the_way_to_a_worker():
    part = pickle.loads(pickle.dumps(PathsPart("/in", ("a.jpg", "b/c.jpg"))))
    assert list(part) == [ImageRef("/in/a.jpg", "a.jpg"), ImageRef("/in/b/c.jpg", "b/c.jpg")]


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/a/b/c.jpg"], "/a/b"),
        (["/a/b.jpg", "/a/b/c.jpg", "/a/bc/d.jpg"], "/a"),
        (["/a.jpg", "/b/c.jpg"], "/"),
        (["/ab/1.jpg", "/abc/2.jpg"], "/"),
        (["gs://b/x/1.jpg", "gs://b/y/2.jpg"], "gs://b"),
    ],
)
def test_the_common_folder(paths, folder):
    assert common_folder(paths) == common_folder(paths[::-1]) == folder
    assert all(path.startswith(folder) for path in paths)
