"""The suites `forward` and `train`, on a narrow network and without a peer."""

import numpy as np
import pytest

from benchmarks import forward, timing, train_step
from benchmarks.precision_cases import NETWORKS, Case
from tests.backbones.shallow import shallow_vgg

pytestmark = pytest.mark.slow

NETWORK = "vgg16_large_fov"


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX", 64)
    options, peer = NETWORKS[NETWORK]
    monkeypatch.setitem(NETWORKS, NETWORK, ({**options, "width": 0.05}, peer))
    for module in (forward, train_step):
        monkeypatch.setattr(module, "has_torch", lambda: False)
    with shallow_vgg():
        yield


def assert_rows(results, forms, batch):
    rows = results["rows"]
    assert [(row["precision"], row["form"]) for row in rows] == [
        (precision, form) for precision in ("float32", "bfloat16") for form in forms
    ]
    for row in rows:
        assert (row["network"], row["side"], row["batch"]) == (NETWORK, 33, batch)
        assert row["seconds"] > 0 and row["times_as_fast_as_pytorch"] is None
        speed = results["matrix_product"][row["precision"]]
        assert row["share_of_matrix_product"] == pytest.approx(1e9 * row["gflops"] / speed)
    # Of both precisions the same arithmetic.
    operations = {round(row["gflops"] * row["seconds"], 6) for row in rows}
    assert len(operations) == 1


@pytest.mark.usefixtures("_small")
def test_forward():
    forms = ("deeplab_tf", "Keras' Conv2D", "deeplab_tf.Predictor", "deeplab_tf, SavedModel")
    assert_rows(forward.run([NETWORK], [33], [1], 1, 2), forms, 1)


@pytest.mark.usefixtures("_small")
def test_train(monkeypatch):
    measured = []
    monkeypatch.setattr(train_step, "_memory", lambda *arguments: measured.append(arguments) or 7)
    results = train_step.run([NETWORK], [33], [2], 1, 2)
    assert_rows(results, ("deeplab_tf",), 2)
    assert [row["megabytes"] for row in results["rows"]] == [7, 7] and len(measured) == 2


@pytest.mark.parametrize("network", NETWORKS)
def test_pytorchs_networks_are_the_same(network):
    """As many numbers, in normalisations too, and logits on the same grid."""
    import torch

    case = Case(network, 65, 1, "float32")
    ours, theirs = case.model(), case.torch_module().eval()
    numbers = [value for key, value in theirs.state_dict().items() if "batches_tracked" not in key]
    assert sum(value.numel() for value in numbers) == ours.count_params()
    with torch.inference_mode():
        logits = theirs(torch.zeros([1, 3, 65, 65]))
    wanted = ours.logit_maps(np.zeros([1, 65, 65, 3], np.uint8))[0].shape
    assert (logits.shape[0], *logits.shape[2:], logits.shape[1]) == tuple(wanted)
