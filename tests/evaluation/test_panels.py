import io

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation.evaluate import EvaluatedImage, evaluate
from deeplab_tf.evaluation.panels import Panels
from deeplab_tf.evaluation.side_by_side import GAP
from tests.models.narrow import uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")

VOID = 255


class NamedSplit:
    """Stands for a split of which only names and classes are looked at."""

    spec = DatasetSpec("toy", ("ground", "thing"), palette=((200, 0, 0), (0, 0, 200)))

    def __init__(self, *names):
        self.names = names

    def __len__(self):
        return len(self.names)


def pixels_of(png):
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def panel(height, width, label=0, prediction=0, color=100):
    """The panel of an image of one colour, label and prediction."""
    panels = Panels(NamedSplit("a"), count=1)
    ids = [
        None if i is None else np.full([height, width], i, np.uint8) for i in (label, prediction)
    ]
    image = np.full([height, width, 3], color, np.uint8)
    panels(EvaluatedImage("a", image, ids[0], [ids[1]]))
    return pixels_of(panels.take()["panel/a"])


def parts(pixels, count=3):
    width = (pixels.shape[1] - (count - 1) * GAP) // count
    return [pixels[:, i * (width + GAP) : i * (width + GAP) + width] for i in range(count)]


@pytest.mark.parametrize(
    ("images", "count", "limit", "wanted"),
    [
        (10, 4, None, [0, 2, 5, 7]),
        (10, 2, 4, [0, 5]),  # the evaluation has 0, 2, 5 and 7
        (3, 8, None, [0, 1, 2]),
        (3, 0, None, []),
    ],
)
def test_images_are_spread_over_those_that_are_evaluated(images, count, limit, wanted):
    split = NamedSplit(*map(str, range(images)))
    panels = Panels(split, count, limit)
    ids = np.zeros([4, 4], np.uint8)
    for name in split.names:
        panels(EvaluatedImage(name, np.zeros([4, 4, 3], np.uint8), ids, [ids]))
    assert list(panels.take()) == [f"panel/{i}" for i in wanted]


def test_image_label_and_prediction_stand_in_a_row():
    image, label, prediction = parts(panel(4, 6, label=0, prediction=1))
    assert image.shape == label.shape == prediction.shape == (4, 6, 3)
    assert np.all(image == 100)
    assert np.all(label == [150, 50, 50])  # halfway between the image and red
    assert np.all(prediction == [50, 50, 150])


def test_void_shows_the_image():
    _, label, prediction = parts(panel(4, 6, label=VOID, prediction=1))
    assert np.all(label == 100) and np.all(prediction == [50, 50, 150])


def test_an_image_without_label_has_no_part_of_it():
    image, prediction = parts(panel(4, 6, label=None, prediction=1), count=2)
    assert np.all(image == 100) and np.all(prediction == [50, 50, 150])


@pytest.mark.parametrize(
    ("height", "width", "wanted"),
    [(720, 960, (297, 1200)), (3000, 400, (1200, 492)), (20, 30, (20, 102))],
)
def test_panels_are_at_most_1200_pixels_wide_and_high(height, width, wanted):
    shape = panel(height, width).shape
    assert shape[:2] == wanted and max(shape) <= 1200


def test_the_prediction_is_that_after_the_crf():
    ids = [np.full([4, 6], i, np.uint8) for i in (0, 1)]
    panels = Panels(NamedSplit("a"), count=1)
    panels(EvaluatedImage("a", np.full([4, 6, 3], 100, np.uint8), ids[0], ids))
    assert np.all(parts(pixels_of(panels.take()["panel/a"]))[2] == [50, 50, 150])


def test_what_was_taken_is_forgotten():
    panels, ids = Panels(NamedSplit("a", "b"), count=2), np.zeros([4, 4], np.uint8)
    panels(EvaluatedImage("a", np.zeros([4, 4, 3], np.uint8), ids, [ids]))
    assert list(panels.take()) == ["panel/a"]
    panels(EvaluatedImage("b", np.zeros([4, 4, 3], np.uint8), ids, [ids]))
    assert list(panels.take()) == ["panel/b"] and panels.take() == {}


@pytest.mark.usefixtures("eager")
def test_an_evaluation_gives_the_panels_of_its_images():
    split = SyntheticSplit("val", examples=4)
    image = split.load(0)["image"].numpy()
    model = uncertain_model(image[None], num_classes=None, dataset=split.spec)
    predictor, panels = deeplab_tf.Predictor(model), Panels(split, count=1, limit=2)
    evaluate(predictor, split, limit=2, callbacks=[panels])
    ((tag, png),) = panels.take().items()
    assert tag == f"panel/{split.names[0]}"
    shown, label, prediction = parts(pixels_of(png))
    np.testing.assert_array_equal(shown, image)  # small enough to stay as it is
    colors = np.array(split.spec.palette)
    for part, ids in ((label, split.load(0)["label"].numpy()), (prediction, predictor(image))):
        known = ids < len(colors)
        wanted = np.round((image[known] + colors[ids[known]].astype(int)) / 2)
        np.testing.assert_array_equal(part[known], wanted)
        np.testing.assert_array_equal(part[~known], image[~known])
