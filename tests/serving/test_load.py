"""Concurrent clients, images of mixed sizes, some of them broken."""

import numpy as np
import pytest

import deeplab_tf
from benchmarks.serving import latency
from benchmarks.serving_load import broken_images, run_load
from benchmarks.serving_process import running_server
from deeplab_tf.data.image import image_pixels
from deeplab_tf.export import export_saved_model
from tests.models.narrow import patches, uncertain_model

pytestmark = [pytest.mark.slow]

# The allocator's own ups and downs; each request's images and scores take 20.
LARGEST_GROWTH = 200  # megabytes


@pytest.fixture(scope="module")
def image():
    return patches(360, 480)[0]


@pytest.fixture(scope="module")
def predictor(image):
    crf = {"iterations": 2, "bilateral_sigma_rgb": 30.0}
    return deeplab_tf.Predictor(uncertain_model(image[None]), crf)


@pytest.fixture(scope="module")
def saved(predictor, tmp_path_factory):
    return export_saved_model(predictor, tmp_path_factory.mktemp("deeplab") / "1")


@pytest.fixture(scope="module")
def server(saved):
    with running_server(saved.parent) as server:
        yield server


def test_every_good_image_is_labelled_right_and_every_broken_one_refused(predictor, server, image):
    found = run_load(predictor, server, [image], 60)
    assert found["good"] + found["broken"] == 60 and found["broken"] >= 1
    assert found["right"] == found["good"]
    assert found["refused"] == found["broken"]
    again = run_load(predictor, server, [image], 20)["megabytes"]
    assert again["20"] - found["megabytes"]["60"] < LARGEST_GROWTH


def test_every_route_gives_the_same_labels(predictor, saved, server, image):
    found = latency(predictor, saved, server, image, repeats=1)
    assert set(found["equal_labels"].values()) == {1.0}
    assert all(seconds > 0 for seconds in found["seconds"].values())


def test_broken_images_are_broken(image):
    for name, content in broken_images(image).items():
        with pytest.raises(deeplab_tf.data.DataError):
            image_pixels(content, name)


def test_the_answers_of_a_load_differ(predictor, image):
    assert len(np.unique(predictor(image))) > 1
