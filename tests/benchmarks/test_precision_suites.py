"""The suites `forward` and `train`, on a narrow network and without a peer."""

import pytest

from benchmarks import forward, precision_cases, train_step
from deeplab_tf.models.presets import PRESETS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_vgg")]

PRESET = "vgg16_large_fov"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(precision_cases, "_MATRIX", 64)
    monkeypatch.setitem(PRESETS, PRESET, {**PRESETS[PRESET], "width": 0.05})
    for module in (forward, train_step):
        monkeypatch.setattr(module, "has_torch", lambda: False)


def assert_rows(results, forms, batch):
    rows = results["rows"]
    assert [(row["precision"], row["form"]) for row in rows] == [
        (precision, form) for precision in ("float32", "bfloat16") for form in forms
    ]
    for row in rows:
        assert (row["preset"], row["side"], row["batch"]) == (PRESET, 33, batch)
        assert row["seconds"] > 0 and row["times_as_fast_as_pytorch"] is None
        speed = results["matrix_product"][row["precision"]]
        assert row["share_of_matrix_product"] == pytest.approx(1e9 * row["gflops"] / speed)
    # Of both precisions the same arithmetic.
    operations = {round(row["gflops"] * row["seconds"], 6) for row in rows}
    assert len(operations) == 1


def test_forward():
    forms = ("deeplab_tf", "deeplab_tf.Predictor", "deeplab_tf, SavedModel")
    assert_rows(forward.run([PRESET], [33], [1], 1, 2), forms, 1)


def test_train(monkeypatch):
    measured = []
    monkeypatch.setattr(train_step, "_memory", lambda *arguments: measured.append(arguments) or 7)
    results = train_step.run([PRESET], [33], [2], 1, 2)
    assert_rows(results, ("deeplab_tf",), 2)
    assert [row["megabytes"] for row in results["rows"]] == [7, 7] and len(measured) == 2
