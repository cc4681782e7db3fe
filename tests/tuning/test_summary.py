import pytest

from deeplab_tf.tuning.summary import format_tuning

VALUES = {"bilateral_weight": 4.0, "bilateral_sigma_xy": 72.5, "bilateral_sigma_rgb": 3.0}


def report(held_out=None, images=20, tuning=(0.5, 0.52, 0.55)):
    mious = {"tuning": tuning}
    if held_out is not None:
        mious["held_out"] = held_out
    names = ("without CRF", "default", "tuned")
    return {
        "images": {"tuning": ["val", 100], "held_out": ["test", images]},
        "parameters": {"default": VALUES, "tuned": {**VALUES, "bilateral_weight": 5.5}},
        "metrics": {
            part: {
                name: {"miou": miou, "pixel_accuracy": 0.9, "boundary_iou": None}
                for name, miou in zip(names, values, strict=True)
            }
            for part, values in mious.items()
        },
    }


def test_values_and_metrics_of_both_parts_are_shown():
    text = format_tuning(report(held_out=(0.4, 0.41, 0.42)))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "tuned bilateral_weight=5.5 bilateral_sigma_xy=72.5 bilateral_sigma_rgb=3" in lines
    assert "tuning, 100 images of val mIoU pixel accuracy boundary IoU" in lines
    assert "held out, 20 images of test mIoU pixel accuracy boundary IoU" in lines
    assert "default 52.00 90.00 -" in lines and "tuned 42.00 90.00 -" in lines
    assert lines[-1] == "The CRF helps: mIoU 40.00 -> 42.00 on 20 held-out images."


@pytest.mark.parametrize(
    ("mious", "helps", "beats_the_default"),
    [
        ((0.40, 0.41, 0.42), True, True),
        ((0.40, 0.38, 0.39), False, True),
        ((0.40, 0.38, 0.40), False, True),
        ((0.40, 0.42, 0.41), True, False),
        ((0.40, 0.40, 0.39), False, False),
    ],
)
def test_held_out_images_decide_whether_it_helps(mious, helps, beats_the_default):
    text = format_tuning(report(held_out=mious))
    assert ("The CRF helps:" in text) == helps
    assert ("The CRF does not help:" in text) == (not helps)
    assert ("not better than the default" in text) == (not beats_the_default)
    assert "too few" not in text


def test_too_few_or_no_held_out_images_are_mentioned():
    text = format_tuning(report(held_out=(0.4, 0.4, 0.5), images=1))
    assert "\n1 held-out images are too few" in text and "--held_out_split" in text
    text = format_tuning(report(tuning=(0.5, 0.5, 0.5)))
    assert "The CRF does not help: mIoU 50.00 -> 50.00 on 100 images tuned on." in text
    assert "\nNo held-out images are too few" not in text and "No images were held out" in text
