import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from tests.imports import ROOT
from tests.training.fakes import (
    VOID,
    LinearModel,
    linear_gradient,
    one_step,
    pixel_losses,
    random_batch,
    value_of,
)
from tests.training.losses import reference

RATE = 0.5


def parts(batch, model):
    """Loss sum, gradient sums and number of valid pixels of every micro-batch, by NumPy."""
    kernel, bias = value_of(model.kernel), value_of(model.bias)
    found = []
    for images, labels in zip(batch["images"], batch["labels"], strict=True):
        images, labels = images[:, ::2, ::2], labels[:, ::2, ::2]
        loss = pixel_losses(images @ kernel + bias, labels).sum()
        found.append((loss, *linear_gradient(images, labels, kernel, bias), (labels != VOID).sum()))
    return found


def assert_step(found, loss, kernel_gradient, bias_gradient):
    results, changes = found
    assert results["loss"] == pytest.approx(loss, rel=1e-4)
    np.testing.assert_allclose(changes["fc8/kernel"], -RATE * kernel_gradient, atol=1e-5)
    np.testing.assert_allclose(changes["fc8/bias"], -RATE * bias_gradient, atol=1e-5)


@pytest.mark.slow
def test_valid_is_one_mean_over_all_pixels_of_all_micro_batches():
    batch = random_batch(iter_size=2, batch=2)
    losses, kernels, biases, counts = zip(*parts(batch, LinearModel()), strict=True)
    assert counts[0] != counts[1]  # otherwise both normalisations agree
    found = one_step(LinearModel(), batch, "valid", RATE)
    total = sum(counts)
    assert_step(found, sum(losses) / total, sum(kernels) / total, sum(biases) / total)
    assert found[0]["valid_pixels"] == total


@pytest.mark.usefixtures("eager")
def test_caffe_is_the_mean_of_the_micro_batches_means():
    batch = random_batch(iter_size=2, batch=2)
    means = [
        (loss / count, kernel / count, bias / count)
        for loss, kernel, bias, count in parts(batch, LinearModel())
    ]
    assert_step(
        one_step(LinearModel(), batch, "caffe", RATE),
        *(sum(values) / 2 for values in zip(*means, strict=True)),
    )


# Loss -> the same in NumPy, of the 36 valid pixels of the batch below.
LOSSES = {
    "cross_entropy": reference.cross_entropy,
    "focal(gamma=1, class_weights=(1, 2, 3))": lambda z, y: reference.focal(z, y, 1, (1, 2, 3)),
    "ohem(share=0.3)": lambda z, y: reference.ohem(z, y, 11),
    "dice": reference.dice,
    "lovasz": reference.lovasz,
    "dice + 0.5*cross_entropy": lambda z, y: (
        reference.dice(z, y) + reference.cross_entropy(z, y) / 2
    ),
}


def logits_and_labels(batch, model):
    """What the model computes, and the labels, both [micro-batches, B, h, w, ...]."""
    logits = batch["images"][:, :, ::2, ::2] @ value_of(model.kernel) + value_of(model.bias)
    return logits, batch["labels"][:, :, ::2, ::2]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_that_of_the_whole_batch(loss):
    compare_parts_with_whole(loss)


@pytest.mark.slow
def test_both_kinds_of_losses_are_compiled_too():
    compare_parts_with_whole("dice + 0.5*cross_entropy")


def compare_parts_with_whole(loss):
    batch = random_batch(iter_size=2, batch=3)
    joined = {name: value.reshape(1, 6, *value.shape[2:]) for name, value in batch.items()}
    logits, labels = logits_and_labels(batch, LinearModel())
    assert (labels != VOID).sum() == 36
    split_results, split_changes = one_step(LinearModel(), batch, "valid", loss=loss)
    results, changes = one_step(LinearModel(), joined, "valid", loss=loss)
    assert results["loss"] == pytest.approx(LOSSES[loss](logits, labels), rel=1e-5)
    assert split_results["loss"] == pytest.approx(results["loss"], rel=1e-6)
    for name, change in changes.items():
        assert np.abs(change).max() > 1e-3
        np.testing.assert_allclose(split_changes[name], change, atol=1e-6)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("loss", list(LOSSES)[2:])
def test_caffe_compares_the_pixels_of_one_micro_batch(loss):
    batch = random_batch(iter_size=2, batch=3)
    alone = [{name: value[i : i + 1] for name, value in batch.items()} for i in range(2)]
    results, changes = one_step(LinearModel(), batch, "caffe", loss=loss)
    parts = [one_step(LinearModel(), part, "valid", loss=loss) for part in alone]
    assert results["loss"] == pytest.approx(np.mean([part[0]["loss"] for part in parts]), rel=1e-6)
    for name, change in changes.items():
        wanted = np.mean([part[1][name] for part in parts], axis=0)
        np.testing.assert_allclose(change, wanted, atol=1e-6)
    # Otherwise both normalisations agree here.
    whole, _ = one_step(LinearModel(), batch, "valid", loss=loss)
    assert abs(whole["loss"] - results["loss"]) > 1e-3


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("loss", ["cross_entropy", "dice + lovasz + ohem"])
@pytest.mark.parametrize("normalize", ["valid", "caffe"])
def test_void_alone_changes_nothing_and_gives_no_nan(normalize, loss):
    batch = random_batch(iter_size=2, batch=2)
    batch["labels"][:] = VOID
    results, changes = one_step(LinearModel(), batch, normalize, loss=loss)
    assert results["loss"] == results["valid_pixels"] == 0.0
    assert all(np.all(change == 0) for change in changes.values())


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_the_largest_logit_is_of_all_images_and_maps(bad):
    batch = random_batch(iter_size=2, batch=2)
    batch["images"][1, 0, 4, 4] = -1000.0  # on the grids of both
    model = LinearModel(strides=(1, 4))
    logits = batch["images"] @ value_of(model.kernel) + value_of(model.bias)
    assert np.abs(logits[1]).max() > 2 * np.abs(logits[0]).max()
    assert one_step(model, batch)[0]["largest_logit"] == pytest.approx(np.abs(logits).max())
    batch["images"][0, 1, 0, 0] = bad
    assert one_step(LinearModel(strides=(1, 4)), batch)[0]["largest_logit"] == float("inf")


@pytest.mark.usefixtures("eager")
def test_one_micro_batch_of_void_adds_nothing_to_caffes_mean():
    batch = random_batch(iter_size=2, batch=2)
    batch["labels"][1] = VOID
    (loss, kernel, bias, count), _ = parts(batch, LinearModel())
    found = one_step(LinearModel(), batch, "caffe", RATE)
    # As in Caffe, the empty micro-batch is one of the two all the same.
    assert_step(found, loss / count / 2, kernel / count / 2, bias / count / 2)


@pytest.mark.usefixtures("eager")
def test_maps_of_two_strides_are_normalised_each_by_itself():
    batch = random_batch(iter_size=1, batch=2)
    model = LinearModel(strides=(1, 4))
    kernel, bias = value_of(model.kernel), value_of(model.bias)
    wanted = [
        pixel_losses(
            batch["images"][0, :, ::s, ::s] @ kernel + bias, batch["labels"][0, :, ::s, ::s]
        ).mean()
        for s in (1, 4)
    ]
    results, _ = one_step(model, batch)
    assert results["loss"] == pytest.approx(sum(wanted), rel=1e-5)
    assert results["valid_pixels"] == (batch["labels"] != VOID).sum()


@pytest.mark.usefixtures("eager")
def test_weight_decay_and_frozen_variables():
    batch = random_batch(iter_size=1, batch=2)
    ((_, gradient, _, count),) = parts(batch, LinearModel())
    before = value_of(LinearModel().kernel)
    _, changes = one_step(
        LinearModel(), batch, rate=RATE, rate_multipliers=(("fc8/bias", 0.0),), weight_decay=0.2
    )
    np.testing.assert_allclose(
        changes["fc8/kernel"], -RATE * (gradient / count + 0.2 * before), atol=1e-5
    )
    assert np.all(changes["fc8/bias"] == 0)


@pytest.mark.usefixtures("eager")
def test_loss_of_several_scales_is_the_sum_of_four():
    model = DeepLab(num_classes=3, width=0.02, dropout=0.0, scales=(1.0, 0.75, 0.5))
    batch = random_batch(iter_size=1, batch=2, size=33)
    batch["images"] = np.abs(batch["images"]) * 100
    maps = model.logit_maps(tf.constant(batch["images"][0]))
    labels = batch["labels"][0]
    # Facts 1.5: fused, 1 and 0.75 on the grid of 8, 0.5 on its own.
    targets = [labels[:, ::s, ::s] for s in (8, 8, 8, 16)]
    losses = [pixel_losses(m.numpy(), t).mean() for m, t in zip(maps, targets, strict=True)]
    results, _ = one_step(model, batch)
    assert results["loss"] == pytest.approx(sum(losses), rel=1e-4)


@pytest.fixture(scope="module")
def replicas():
    """What tests/training/replicas.py prints, by the number of devices."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.training.replicas"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {int(n): found for n, found in json.loads(done.stdout.splitlines()[-1]).items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "count"),
    [("valid", 4), ("scaled", 2), ("losses", 2), ("sync", 2)],
)
def test_one_two_and_four_replicas_take_the_same_step(replicas, what, count):
    # "losses" has all kinds: on one replica in one micro-batch, on two in two each. "sync" has
    # normalisations over all replicas.
    one, many = replicas[1][what], replicas[count][what]
    assert one["loss"] > 0 and one["valid_pixels"] == replicas[1]["valid_pixels"][what]
    assert many["valid_pixels"] == one["valid_pixels"]
    assert many["loss"] == pytest.approx(one["loss"], rel=1e-4)
    for name, change in one["changes"].items():
        assert np.any(change), f"{name} did not move: the test would see nothing"
        difference = np.subtract(many["changes"][name], change)
        assert np.linalg.norm(difference) < 1e-4 * np.linalg.norm(change), name


def test_every_normalisation_of_a_network_is_over_all_replicas():
    # Keras' in the backbone and ours in the head.
    options = {"output_stride": 16, "separable": True, "num_classes": 3}
    model = DeepLab("keras:MobileNet", "v3plus", batch_norm="sync", **options)
    layers = [
        layer
        for layer in compat.all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(layers) > 30 and all(layer.synchronized for layer in layers)


@pytest.mark.slow
def test_the_gradient_of_all_replicas_is_cut(replicas):
    whole, cut = (replicas[1][what]["changes"] for what in ("valid", "scaled"))
    for name, change in whole.items():
        assert 0 < np.linalg.norm(cut[name]) < np.linalg.norm(change), name


@pytest.mark.slow
def test_replicas_with_caffe_are_like_micro_batches(replicas):
    # Every replica is a micro-batch of its own there, so four replicas equal iter_size=4.
    alone, four = replicas[1]["caffe"], replicas[4]["caffe"]
    assert four["loss"] == pytest.approx(alone["loss"], rel=1e-4)
    for name, change in alone["changes"].items():
        np.testing.assert_allclose(four["changes"][name], change, atol=1e-4 * np.abs(change).max())


@pytest.mark.slow
def test_split_cpu_makes_auto_mirrored(replicas):
    assert replicas[4]["strategies"] == {"auto": 4, "mirrored": 4, "one": 1}
