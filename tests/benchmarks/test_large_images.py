import numpy as np
import pytest

import deeplab_tf
from benchmarks.large_images import DISTANCES, compare, mosaic
from tests.data.fakes import make_voc_folder
from tests.models.narrow import narrow_model, noise_images, patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager")


@pytest.mark.slow
def test_shares_are_those_of_a_predictor_in_tiles():
    image = patches(60, 300)[0]
    model = uncertain_model(image[None])
    predictor = deeplab_tf.Predictor(model, crf={"iterations": 1})
    tiled = deeplab_tf.Predictor(model, tile=129)
    whole = predictor.predict_stages(image)
    shares = compare(predictor, image, whole, tiled.grid)["without CRF"]
    assert shares["equal"] == np.mean(tiled(image) == whole[0]) < 1
    found = [share for share in shares["by_distance"].values() if share is not None]
    assert len(shares["by_distance"]) == len(DISTANCES) + 1
    assert min(found) < 1


def test_a_tile_that_is_the_image_equals_it():
    model, image = narrow_model(width=0.05), noise_images(20, 30)[0]
    predictor = deeplab_tf.Predictor(model, crf={"iterations": 1})
    whole = predictor.predict_stages(image)
    shares = compare(predictor, image, whole, predictor.grid)
    assert shares["without CRF"]["equal"] == shares["with CRF"]["by_distance"]["below more"] == 1


def test_a_mosaic_is_made_of_equally_large_images(tmp_path):
    data = make_voc_folder(tmp_path / "equal", sizes=((20, 30),))
    assert mosaic(str(data), 2).shape == (40, 60, 3)
    data = make_voc_folder(tmp_path / "others")
    with pytest.raises(ValueError, match=r"images of 20 x 30 and 25 x 31 \(height x width\)"):
        mosaic(str(data), 2)
