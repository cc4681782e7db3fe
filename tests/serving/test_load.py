"""Concurrent clients, images of mixed sizes, some of them broken."""

import numpy as np
import pytest

import deeplab_tf
from benchmarks.serving import latency
from benchmarks.serving_load import broken_images, run_load
from deeplab_tf.data.image import image_pixels

# The allocator's own ups and downs; each request's images and logits take 20.
MAX_GROWTH = 200  # megabytes


@pytest.mark.slow
def test_load(predictor, server, image):
    """Every good image is labelled as the predictor labels it, every broken one is refused."""
    assert len(np.unique(predictor(image))) > 1
    found = run_load(predictor, server, [image], 15)
    assert found["good"] + found["broken"] == 15 and found["broken"] >= 1
    assert found["right"] == found["good"]
    assert found["refused"] == found["broken"]
    again = run_load(predictor, server, [image], 15)["megabytes"]
    assert again["15"] - found["megabytes"]["15"] < MAX_GROWTH


@pytest.mark.slow
def test_every_route_gives_the_same_labels(predictor, saved, server, image):
    found = latency(predictor, saved, server, image, repeats=1)
    assert set(found["equal_labels"].values()) == {1.0}
    assert all(seconds > 0 for seconds in found["seconds"].values())


def test_broken_images_are_broken(image):
    for name, content in broken_images(image).items():
        with pytest.raises(deeplab_tf.data.DataError):
            image_pixels(content, name)
