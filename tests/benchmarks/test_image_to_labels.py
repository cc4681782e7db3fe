import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import image_to_labels, image_to_labels_torch, timing
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.image import read_image
from deeplab_tf.data.png import read_label
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS
from tests.crf.scenes import refine_eagerly, scene, total_variation
from tests.data.fakes import make_voc_folder

CRF = CrfParameters(iterations=3, bilateral_sigma_xy=20.0, spatial_kernel="lattice")


@pytest.fixture
def peer():
    image, logits = scene(24, 30, 0)
    return image, logits, image_to_labels_torch.TorchRoute(None, logits, CRF, bytes(768))


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_every_figure_is_there(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(timing, "PRODUCTS", 1)
    monkeypatch.setitem(PRESETS, image_to_labels.PRESET, PRESETS["vgg16_large_fov"])
    results = image_to_labels.run(repeats=1, threads=2, side=33, width=0.03)["precisions"]
    own = [image_to_labels.OURS, image_to_labels.OURS + image_to_labels.FAST]
    predictors = [image_to_labels.PREDICTOR, image_to_labels.PREDICTOR + image_to_labels.FAST]
    assert list(results) == ["float32", "bfloat16"]
    for found in results.values():
        assert list(found["seconds"]) == own and list(found["totals"]) == own + predictors
        assert min(found["totals"].values()) > 0
        for route, stages in found["seconds"].items():
            assert tuple(stages) == image_to_labels.STAGES and min(stages.values()) > 0
            assert found["totals"][route] == pytest.approx(sum(stages.values()))
        floor = found["operations"] / found["matrix_product_operations_per_second"]
        assert found["network_floor"] == floor > 0
    assert image_to_labels.MISSING in capsys.readouterr().out


def test_multiplications_are_counted():
    model = DeepLab("vgg16", "large_fov", num_classes=4, width=0.05)
    sides = [33] * 2 + [17] * 2 + [9] * 3 + [5] * 9
    channels = [3, 3, 3, 6, 6, *[13] * 3, *[26] * 6, 51, 51, 4]
    taps = [9] * 14 + [1, 1]
    wanted = sum(
        side**2 * size * a * b
        for side, size, a, b in zip(sides, taps, channels[:-1], channels[1:], strict=True)
    )
    assert image_to_labels.multiply_adds(model, 33) == wanted


def test_the_peer_reads_and_writes_the_same(peer, tmp_path):
    folder = make_voc_folder(tmp_path / "data", examples=1)
    (image,) = (folder / "JPEGImages").iterdir()
    _, logits, route = peer
    np.testing.assert_array_equal(route.read(image), read_image(image))
    labels = route.label(logits.transpose(2, 0, 1))
    route.write(labels, tmp_path / "labels.png")
    np.testing.assert_array_equal(read_label(tmp_path / "labels.png"), logits.argmax(-1))


def test_the_peers_crf_is_the_same(peer):
    image, logits, route = peer
    wanted = refine_eagerly(logits, image, **CRF.to_dict())
    found = route.refine(image).transpose(1, 2, 0)
    assert total_variation(found, wanted) < 1e-5


def test_both_networks_give_the_same_logits():
    import torch

    model = DeepLab(num_classes=5, width=0.05, **PRESETS[image_to_labels.PRESET])
    network = image_to_labels_torch.build_network(5, width=0.05)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) == 1:  # normalisation and biases, which start as ones and zeros
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    theirs = list(network.modules())
    convolutions = [part for part in theirs if isinstance(part, torch.nn.Conv2d)]
    norms = [part for part in theirs if isinstance(part, torch.nn.BatchNorm2d)]
    parts = [model.backbone.stem] + [
        part
        for unit in model.backbone.units
        for part in (unit.shortcut, unit.reduce, unit.spatial, unit.expand)
        if part is not None
    ]
    classifiers = [branch.classifier for branch in model.head.branches]
    ours = [part.conv for part in parts] + classifiers
    for conv, own in zip(convolutions, ours, strict=True):
        conv.weight.data = torch.from_numpy(own.kernel.numpy().transpose(3, 2, 0, 1).copy())
        if conv.bias is not None:
            conv.bias.data = torch.from_numpy(own.bias.numpy())
    for norm, own in zip(norms, parts, strict=True):
        assert isinstance(own, ConvNormAct)
        values = [torch.from_numpy(value) for value in own.norm.get_weights()]
        norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = values
    image, logits = scene(33, 41, 0)
    route = image_to_labels_torch.TorchRoute(network, logits, CRF, bytes(768))
    grid = route.logits(image)
    wanted = model.logit_maps(image[None])[0]
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(
        grid.numpy().transpose(0, 2, 3, 1) / scale, wanted / scale, atol=1e-5
    )
    zoomed = route.zoom(grid, image).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(zoomed / scale, model(tf.constant(image[None])) / scale, atol=1e-5)
