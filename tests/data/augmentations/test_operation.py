import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline, augment
from deeplab_tf.data.augmentations import OPERATIONS
from deeplab_tf.data.augmentations.argument import Argument
from deeplab_tf.data.augmentations.operation import Draws, Geometric, Photometric, draw_each
from deeplab_tf.data.augmentations.parser import parse_operations
from tests.data.fakes import random_label, smooth_image

SEED = tf.constant([3, 4])


def numbers(text, kind, name, occurrence=0):
    drawn = [d for o, d in draw_each(parse_operations(text), SEED, kind) if o.name == name]
    return drawn[occurrence].numbers(3).numpy()


@pytest.mark.parametrize(
    ("name", "kind", "alone", "others"),
    [
        ("blur", Photometric, "blur(1)", "color_jitter(1)|rotate(5)|blur(2)|crop(3)"),
        ("rotate", Geometric, "rotate(5)", "color_jitter(1)|rotate(5)|blur(2)|crop(3)"),
    ],
)
def test_numbers_do_not_depend_on_other_operations(name, kind, alone, others):
    np.testing.assert_array_equal(numbers(alone, kind, name), numbers(others, kind, name))


def test_every_operation_and_occurrence_draws_others():
    text = "blur(1)|blur(1)|color_jitter(1)"
    drawn = [numbers(text, Photometric, "blur", n) for n in (0, 1)]
    drawn.append(numbers(text, Photometric, "color_jitter"))
    assert len({tuple(d) for d in drawn}) == 3


def test_only_the_first_scale_has_the_number_of_version_0_1():
    four = tf.random.stateless_uniform([4], SEED, dtype=tf.float64).numpy()
    operations = parse_operations("mirror|scale(1)|crop(3)|scale(2)")
    drawn = [draws for _, draws in draw_each(operations, SEED, Geometric)]
    assert [float(drawn[i].number()) for i in (0, 1)] == [four[3], four[0]]
    np.testing.assert_array_equal(drawn[2].numbers(2), four[1:3])
    assert float(drawn[3].number()) not in four


def test_numbers_are_even_and_follow_the_seed():
    drawn = np.array([Draws(tf.constant([n, 1]), "blur").number() for n in range(400)])
    counts = np.histogram(drawn, bins=4, range=(0, 1))[0]
    assert counts.sum() == 400 and counts.min() > 60
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.2


class Negative(Photometric):
    """Inverts the image."""

    name = "negative"

    def change(self, image, draws):
        return 255.0 - image


class Shear(Geometric):
    """Moves row y by slope * y."""

    name = "shear"
    arguments = (Argument("slope", -1, 1),)

    def place(self, frame, draws):
        slope = self.values[0].numbers[0]
        return frame.transformed(tf.constant([[1.0, 0.0], [slope, 1.0]], tf.float64))


def test_a_new_operation_is_a_class_and_a_row(monkeypatch):
    monkeypatch.setitem(OPERATIONS, "negative", Negative)
    monkeypatch.setitem(OPERATIONS, "shear", Shear)
    image, label = smooth_image(9, 9), random_label(9, 9, 5)
    negative = AugmentationPipeline("crop(9)|negative")
    np.testing.assert_array_equal(
        augment(image, label, SEED, negative, (0.0, 0.0, 0.0))[0], 255.0 - image
    )
    sheared = AugmentationPipeline("crop(9)|shear(1)")
    found = augment(image, label, SEED, sheared, (0.0, 0.0, 0.0))[1].numpy()
    # Around the centre: row 4 stays, row i shows what lies i - 4 columns to the right.
    for row in range(9):
        for column in range(9):
            place = column + row - 4
            assert found[row, column] == (label[row, place] if 0 <= place < 9 else 255)
