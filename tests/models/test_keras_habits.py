"""What works for any Keras model works for a DeepLab: callbacks, files, freezing, its summary."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.evaluation import ConfusionMatrix
from tests.backbones.shallow import shallow_networks, shallow_vgg
from tests.extensions import extended
from tests.models.narrow import narrow_model, noise_images

CLASSES = 3
IMAGES = noise_images(17, 20, count=4)
LABELS = np.random.default_rng(0).integers(0, CLASSES, [4, 17, 20]).astype(np.uint8)
LABELS[:, :3] = 255
RESNET = {"backbone": "resnet50", "width": 0.05, "batch_norm": "train"}


@pytest.fixture(autouse=True, scope="module")
def _small_networks(tmp_path_factory):
    with extended(tmp_path_factory.mktemp("site")), shallow_networks(), shallow_vgg():
        yield


def small_model(**options):
    """The network of docs/extending.md: Keras' training does not know how deep a network is."""
    return narrow_model("tiny", **options)


def compiled(model, loss=None, rate=1e-3, run_eagerly=True):
    """Compiles a model; to build the graph of a few steps takes ten times as long as the steps."""
    model.compile(
        keras.optimizers.Adam(rate),
        loss or deeplab_tf.losses.CrossEntropy(),
        metrics=[deeplab_tf.metrics.MeanIoU(CLASSES), deeplab_tf.metrics.PixelAccuracy()],
        run_eagerly=run_eagerly,
    )
    return model


def fit(model, **options):
    return model.fit(IMAGES, LABELS, **{"batch_size": 2, "verbose": 0, "shuffle": False, **options})


def values(model):
    tensors = {n: compat.tf_variable(v) for n, v in model.variables_by_name().items()}
    return {name: variable.numpy().copy() for name, variable in tensors.items()}


def optimizer_values(model):
    return [
        np.asarray(tf.convert_to_tensor(v)) for v in compat.optimizer_variables(model.optimizer)
    ]


@pytest.fixture(scope="module")
def trained():
    model = compiled(small_model(), run_eagerly=False)
    fit(model)
    return model


# === fit, evaluate, predict ===


@pytest.mark.slow
def test_evaluate_has_the_metrics_of_the_confusion_matrix(trained):
    matrix = ConfusionMatrix(CLASSES)
    matrix.update(LABELS, trained.predict(IMAGES, verbose=0).argmax(-1))
    results = trained.evaluate(IMAGES, LABELS, batch_size=2, verbose=0, return_dict=True)
    assert set(results) == {"loss", "mean_iou", "pixel_accuracy"}
    np.testing.assert_allclose(results["mean_iou"], matrix.mean_iou(), rtol=1e-6)
    np.testing.assert_allclose(results["pixel_accuracy"], matrix.pixel_accuracy(), rtol=1e-6)


@pytest.mark.slow
def test_metrics_begin_anew_every_epoch():
    # VGG-16 has no normalisation, which would differ between training and validation.
    model = compiled(narrow_model(dropout=0.0), rate=0.0)
    history = fit(model, epochs=2, validation_data=(IMAGES, LABELS)).history
    for name in ("mean_iou", "val_mean_iou", "pixel_accuracy", "loss"):
        np.testing.assert_allclose(history[name], history[name][:1] * 2, rtol=1e-5)
    assert history["val_mean_iou"][0] == pytest.approx(history["mean_iou"][0])


@pytest.mark.slow
def test_batches_of_tf_data_with_images_of_several_sizes():
    def batches():
        yield IMAGES[:2], LABELS[:2]
        yield IMAGES[2:, :13], LABELS[2:, :13]

    shapes = tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([None] * 3, tf.uint8)
    data = tf.data.Dataset.from_generator(batches, output_signature=shapes)
    model = compiled(small_model(), run_eagerly=False)
    history = model.fit(data, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.evaluate(data, verbose=0)).all()


@pytest.mark.slow
def test_a_batch_of_void_does_not_harm():
    model = compiled(narrow_model())
    history = fit(model, epochs=1, validation_split=0.5).history
    assert np.isfinite(history["val_loss"]).all()
    void = np.full_like(LABELS, 255)
    before = values(model)
    model.compile(keras.optimizers.SGD(0.1), deeplab_tf.losses.CrossEntropy(), run_eagerly=True)
    assert model.fit(IMAGES, void, verbose=0).history["loss"] == [0.0]
    for name, value in values(model).items():
        np.testing.assert_array_equal(value, before[name])


LOSSES = [
    deeplab_tf.losses.CrossEntropy(class_weights=(1, 2, 3)),
    deeplab_tf.losses.Focal(),
    deeplab_tf.losses.OnlineHardPixels(),
    deeplab_tf.losses.Dice(),
    deeplab_tf.losses.Lovasz(),
    deeplab_tf.losses.Combined("cross_entropy + dice"),
]


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_fit_with_every_loss(loss):
    # From the published start, near zero: Dice has no gradient where the softmax is sure.
    keras.utils.set_random_seed(0)
    model = deeplab_tf.DeepLab("tiny", num_classes=CLASSES, width=0.1, dropout=0.0)
    labels = np.where(LABELS == 255, 255, 1).astype(np.uint8)  # what can be learned of noise
    options = {"batch_size": 4, "epochs": 3, "verbose": 0}
    history = compiled(model, loss).fit(IMAGES, labels, **options).history
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "epochs"), [("mixed_float16", 12), ("mixed_bfloat16", 1)])
def test_fit_in_mixed_precision(policy, epochs):
    model = compiled(small_model(dtype=policy), run_eagerly=epochs == 1)
    # The scale of the loss for float16 is found by trying: such steps change nothing.
    assert np.isfinite(fit(model, epochs=epochs).history["loss"]).all()
    assert 0 < int(model.optimizer.iterations.numpy()) <= 2 * epochs


# === Callbacks ===


@pytest.mark.slow
def test_checkpoints_of_the_model_and_of_its_weights(tmp_path):
    model = compiled(small_model())
    save = keras.callbacks.ModelCheckpoint
    best = {"monitor": "val_mean_iou", "mode": "max", "save_best_only": True}
    callbacks = [
        save(str(tmp_path / "model.keras"), **best),
        save(str(tmp_path / "last.weights.h5"), save_weights_only=True),
    ]
    fit(model, callbacks=callbacks, validation_data=(IMAGES, LABELS))
    logits = model(IMAGES)
    np.testing.assert_array_equal(deeplab_tf.load(tmp_path / "model.keras")(IMAGES), logits)
    other = small_model()
    other.load_weights(tmp_path / "last.weights.h5")
    np.testing.assert_array_equal(other(IMAGES), logits)


@pytest.mark.slow
def test_early_stopping_restores_the_best_weights():
    model = compiled(small_model(), rate=3.0)  # which makes it worse
    stop = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    history = fit(model, epochs=9, callbacks=[stop]).history["loss"]
    assert len(history) < 9
    assert np.isfinite(model(IMAGES)).all()


@pytest.mark.slow
def test_tensorboard(tmp_path):
    fit(
        compiled(small_model()),
        callbacks=[keras.callbacks.TensorBoard(str(tmp_path), histogram_freq=1)],
        validation_data=(IMAGES, LABELS),
    )
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("events*"))
    assert b"epoch_mean_iou" in written and b"kernel" in written


# === Files ===


def assert_goes_on_alike(model, copy):
    """Both take the same next steps: weights, optimizer and its count are the same."""
    assert int(copy.optimizer.iterations.numpy()) == int(model.optimizer.iterations.numpy()) > 0
    pairs = zip(optimizer_values(copy), optimizer_values(model), strict=True)
    assert all(np.array_equal(found, wanted) for found, wanted in pairs)
    found, wanted = fit(copy).history, fit(model).history
    assert set(found) == {"loss", "mean_iou", "pixel_accuracy"}
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4)
    after = values(copy)
    for name, value in values(model).items():
        np.testing.assert_allclose(after[name], value, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_a_saved_model_goes_on(tmp_path):
    loss = deeplab_tf.losses.Combined("focal + 0.5*dice")
    model = compiled(small_model(dropout=0.0), loss)
    fit(model)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.loss.get_config() == model.loss.get_config()
    assert_goes_on_alike(model, copy)


@pytest.mark.slow
def test_a_saved_model_goes_on_with_its_layers_frozen(tmp_path):
    model = narrow_model(dropout=0.0)
    model.backbone.trainable = False
    model.get_layer("fc7").trainable = False
    fit(compiled(model))
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert not copy.backbone.trainable and copy.head.trainable
    names = {id(v): name for name, v in copy.variables_by_name().items()}
    trained = [names[id(v)] for v in copy.trainable_weights]
    assert trained == [f"{layer}/{part}" for layer in ("fc6", "fc8") for part in ("kernel", "bias")]
    assert_goes_on_alike(model, copy)
    # For a start of its own everything is trainable again.
    loaded = deeplab_tf.load(tmp_path / "model.keras")
    assert loaded.backbone.trainable and len(loaded.trainable_weights) == len(names)


# === Freezing ===


def assert_the_backbone_stays(model):
    """Freezes the backbone, trains, and returns the weights before it."""
    model.backbone.trainable = False
    before, names = values(model), model.variables_by_name()
    fit(compiled(model), batch_size=4)
    frozen = {id(variable) for variable in model.backbone.weights}
    for name, value in values(model).items():
        assert np.array_equal(value, before[name]) == (id(names[name]) in frozen), name
    return before


@pytest.mark.slow
def test_a_frozen_backbone_stays_to_the_bit():
    assert_the_backbone_stays(small_model())


@pytest.mark.slow
def test_statistics_of_a_frozen_backbone_stay_until_it_is_trained():
    model = narrow_model(**RESNET)
    before = assert_the_backbone_stays(model)
    model.backbone.trainable = True
    fit(compiled(model), batch_size=4)
    changed = {name for name, value in values(model).items() if (value != before[name]).any()}
    assert {"bn_conv1/moving_mean", "bn_conv1/gamma", "res5c_branch2b/kernel"} <= changed


def test_frozen_batch_norm_is_not_thawed_with_the_backbone():
    model = narrow_model(backbone="resnet50", width=0.05)
    trained = len(model.trainable_weights)
    model.backbone.trainable = False
    model.backbone.trainable = True
    assert len(model.trainable_weights) == trained
    model.trainable = True
    assert len(model.trainable_weights) == trained


# === Layers ===


def test_layers_by_name_and_index():
    model = narrow_model()
    assert [layer.name for layer in model.layers] == ["vgg16", "large_fov"]
    assert model.get_layer("vgg16") is model.backbone is model.get_layer(index=0)
    assert model.get_layer("large_fov") is model.head
    assert model.get_layer("conv4_1").name == "conv4_1"
    with pytest.raises(ValueError, match="No such layer: conv9"):
        model.get_layer("conv9")


def test_summary_counts_parameters_and_says_shapes(capsys):
    model = narrow_model(**RESNET)
    model.backbone.trainable = False
    lines = []
    model.summary(print_fn=lambda line, **options: lines.append(line), show_trainable=True)
    text = "\n".join(lines)
    counts = [sum(int(np.prod(v.shape)) for v in w.weights) for w in (model.backbone, model.head)]
    features = model.backbone(tf.zeros([1, 1, 1, 3]))["res5c"].shape[-1]
    rows = [line.split() for line in lines[4:6]]
    assert [row[0] for row in rows] == ["resnet50", "large_fov"]
    assert rows[0][2:] == ["(None,", "H/8,", "W/8,", f"{features})", f"{counts[0]:,}", "no"]
    assert rows[1][2:] == ["(None,", "H/8,", "W/8,", f"{CLASSES})", f"{counts[1]:,}", "yes"]
    assert f"Total params: {sum(counts):,}" in lines
    assert f"Trainable params: {counts[1]:,}" in lines
    assert f"logits (None, H, W, {CLASSES})" in text
    model.summary(expand_nested=True, line_length=70)
    printed = capsys.readouterr().out
    channels = model.get_layer("res2a").weights[0].shape[-1]
    assert f"  res2a (Bottleneck)            (None, H/4, W/4, {channels})" in printed
