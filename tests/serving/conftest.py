"""One exported model and one server of it for all files."""

import pytest
from PIL import Image

import deeplab_tf
from benchmarks.serving_process import running_server
from deeplab_tf.export import export_saved_model
from tests.backbones.shallow import shallow_vgg
from tests.models.narrow import patches, uncertain_model


@pytest.fixture(scope="session")
def image():
    """An image of 480x360 pixels, the largest that the load test sends."""
    return patches(360, 480)[0]


@pytest.fixture(scope="session")
def predictor():
    """One that finds several classes in large and in small images."""
    crf = {"iterations": 2, "bilateral_sigma_rgb": 30.0}
    with shallow_vgg():
        return deeplab_tf.Predictor(uncertain_model(patches(65, 51)), crf)


@pytest.fixture(scope="session")
def saved(predictor, tmp_path_factory):
    """Verified on one image in place of five."""
    image = tmp_path_factory.mktemp("verified") / "image.png"
    Image.fromarray(patches(65, 51)[0]).save(image)
    return export_saved_model(predictor, tmp_path_factory.mktemp("deeplab") / "1", verify_on=image)


@pytest.fixture(scope="session")
def server(saved):
    with running_server(saved.parent) as server:
        yield server
