"""Both implementations against mean field over all pairs, on crops of real images."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.crf_cases import IMAGES, load_image, rough_logits
from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.reference import reference_mean_field
from tests.camvid import camvid_files
from tests.crf.scenes import agreement, total_variation

CORNERS = ((60, 90), (250, 330))
CROP = (36, 48)


def images():
    """Those of scikit-image and, where they are, street images of CamVid."""
    yield from map(load_image, IMAGES)
    for path in camvid_files("JPEGImages/*.jpg")[:100:50]:
        yield np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def crops():
    """Six crops or more with their rough logits."""
    found = []
    for image in images():
        logits = rough_logits(image, live=5)
        for y, x in CORNERS:
            window = np.s_[y : y + CROP[0], x : x + CROP[1]]
            found.append((image[window], logits[window]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("normalization", "sigmas"),
    [
        ("after", {"bilateral_sigma_xy": 67, "bilateral_sigma_rgb": 3}),
        ("symmetric", {"bilateral_sigma_xy": 67, "bilateral_sigma_rgb": 3}),
        ("after", {"bilateral_sigma_xy": 12, "bilateral_sigma_rgb": 5, "gaussian_sigma_xy": 3}),
        (
            "symmetric",
            {"bilateral_sigma_xy": 40, "bilateral_sigma_rgb": 10, "gaussian_sigma_xy": 2},
        ),
    ],
    ids=str,
)
def test_as_near_to_the_reference_as_pydensecrf(crops, sigmas, normalization):
    parameters = CrfParameters(**sigmas, normalization=normalization)
    errors = {"graph": [], "pydensecrf": []}
    same = []
    for image, logits in crops:
        wanted = reference_mean_field(logits, image, parameters)
        for implementation, found in errors.items():
            options = {**parameters.to_dict(), "implementation": implementation}
            refined = mean_field(logits=logits, image=image, **options)
            found.append(total_variation(refined, wanted))
        same.append(agreement(refined, wanted))
    means = {key: np.mean(values) for key, values in errors.items()}
    assert means["graph"] <= means["pydensecrf"] + 1e-4, means
    assert means["graph"] < 0.02 and np.mean(same) > 0.97, (means, same)
