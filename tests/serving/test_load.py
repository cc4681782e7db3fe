"""Concurrent clients, pictures of mixed sizes, some of them broken."""

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.benchmarks.serving import latency
from deeplab_tf.benchmarks.serving_load import broken_pictures, run_load
from deeplab_tf.benchmarks.serving_process import running_server
from deeplab_tf.data.image import image_pixels
from deeplab_tf.export import export_saved_model
from tests.models.narrow import doubtful_model, patches

pytestmark = [pytest.mark.slow]

# The allocator's own ups and downs; each request's pictures and scores take 20.
LARGEST_GROWTH = 200  # megabytes


@pytest.fixture(scope="module")
def photo():
    return patches(360, 480)[0]


@pytest.fixture(scope="module")
def predictor(photo):
    crf = {"iterations": 2, "bilateral_sigma_rgb": 30.0}
    return deeplab_tf.Predictor(doubtful_model(photo[None]), crf)


@pytest.fixture(scope="module")
def saved(predictor, tmp_path_factory):
    return export_saved_model(predictor, tmp_path_factory.mktemp("deeplab") / "1")


@pytest.fixture(scope="module")
def server(saved):
    with running_server(saved.parent) as server:
        yield server


def test_every_good_picture_is_labelled_right_and_every_broken_one_refused(
    predictor, server, photo
):
    found = run_load(predictor, server, [photo], 60)
    assert found["good"] + found["broken"] == 60 and found["broken"] >= 1
    assert found["right"] == found["good"]
    assert found["refused"] == found["broken"]
    again = run_load(predictor, server, [photo], 20)["megabytes"]
    assert again["20"] - found["megabytes"]["60"] < LARGEST_GROWTH


def test_every_route_gives_the_same_labels(predictor, saved, server, photo):
    found = latency(predictor, saved, server, photo, repeats=1)
    assert set(found["equal_labels"].values()) == {1.0}
    assert all(seconds > 0 for seconds in found["seconds"].values())


def test_broken_pictures_are_broken(photo):
    for name, content in broken_pictures(photo).items():
        with pytest.raises(deeplab_tf.data.DataError):
            image_pixels(content, name)


def test_the_answers_of_a_load_differ(predictor, photo):
    assert len(np.unique(predictor(photo))) > 1
