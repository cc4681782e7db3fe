"""Dense networks of small classifiers, compared with what Keras computes for these."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.backbones.keras_classifiers.place_maps import PADDINGS
from tests.backbones.keras_classifiers.families import last_map, noise

# Name -> layers of a chain; the product of their strides is 8.
CHAINS = {
    "same": lambda: [
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.DepthwiseConv2D(5, strides=2, padding="same"),
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.SeparableConv2D(4, 3, strides=2, padding="same"),
        layers.SeparableConv2D(4, 5, padding="same"),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Conv2D(5, 3, padding="same"),
    ],
    "pools": lambda: [
        layers.MaxPooling2D(3, 2, padding="same"),
        layers.AveragePooling2D(3, 2, padding="same"),
        layers.Conv2D(4, 3, padding="same"),
        layers.AveragePooling2D(3, 1, padding="same"),
        layers.MaxPooling2D(2, 2),
        layers.Conv2D(4, 3, padding="same"),
        layers.MaxPooling2D(3, 1, padding="same"),
    ],
    "valid": lambda: [
        layers.ZeroPadding2D(((0, 1), (0, 1))),
        layers.Conv2D(4, 3, strides=2),
        layers.ZeroPadding2D(((1, 2), (3, 0))),
        layers.DepthwiseConv2D(3, strides=2),
        layers.Cropping2D(((1, 0), (0, 1))),
        layers.ZeroPadding2D(2),
        layers.Conv2D(4, 3),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(3, strides=2),
        layers.Conv2D(4, 3, padding="same"),
        layers.ZeroPadding2D(1),
        layers.AveragePooling2D(2),
        layers.SeparableConv2D(3, 3, padding="same"),
    ][:-2],
    "even": lambda: [
        layers.Conv2D(4, 4, strides=4),
        layers.Conv2D(4, 2, padding="same"),
        layers.Conv2D(4, 2, strides=2, padding="same"),
        layers.Conv2D(4, 3, padding="same", dilation_rate=2),
        layers.Conv2D(4, (1, 7), padding="same"),
        layers.Conv2D(4, (5, 1), padding="same"),
    ],
}
# A layer treats rows as it treats columns, so that every remainder need not meet every other.
SIZES = list(zip(range(32, 40), itertools.cycle((33, 38, 43))))


def classifier_of(chain, **input_options):
    image = x = keras.Input((None, None, 3), **input_options)
    for layer in chain:
        x = layer(x)
    x = layers.BatchNormalization(name="last")(x)
    x = layers.Dense(5)(layers.GlobalAveragePooling2D()(x))
    classifier = keras.Model(image, x, name="small")
    rng = np.random.default_rng(0)
    for layer in classifier.layers:
        layer.set_weights([rng.uniform(0.2, 1.0, w.shape) - 0.3 for w in layer.get_weights()])
    statistics = classifier.get_layer("last").weights[-1]
    statistics.assign(np.full(statistics.shape, 0.7))
    return classifier


def own_map(classifier):
    """The classifier up to its last map, as Keras computes it."""
    return keras.Model(classifier.input, classifier.get_layer("last").output)


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
def test_subsampled_features_are_the_classifiers(chain):
    classifier = classifier_of(CHAINS[chain]())
    own, networks = own_map(classifier), {s: deeplab_tf.atrous(classifier, s) for s in (8, 4, 2, 1)}
    for size in SIZES:
        wanted = np.asarray(own(noise(size)))
        for stride, network in networks.items():
            step = 8 // stride
            found = last_map(network, noise(size))[:, ::step, ::step]
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * wanted.std())
            if stride == 8:
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
def test_centred_features_agree_at_all_strides(chain):
    classifier = classifier_of(CHAINS[chain]())
    networks = {s: deeplab_tf.atrous(classifier, s, padding="centred") for s in (8, 4, 2, 1)}
    extra = 2 if chain == "valid" else 0  # paddings that no window takes over
    for size in SIZES:
        dense = last_map(networks[1], noise(size))
        for stride, network in networks.items():
            found = last_map(network, noise(size))
            if not extra:
                assert found.shape[1:3] == tuple(-(-side // stride) for side in size)
            wanted = dense[:, ::stride, ::stride][:, : found.shape[1], : found.shape[2]]
            if found.shape == wanted.shape:
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * dense.std())
            else:
                assert extra


def test_centred_padding_is_the_classifiers_on_odd_sizes():
    classifier = classifier_of(CHAINS["same"]())
    wanted = own_map(classifier)(noise((33, 41)))
    for stride in (8, 2):
        network = deeplab_tf.atrous(classifier, stride, padding="centred")
        found = last_map(network, noise((33, 41)))[:, :: 8 // stride, :: 8 // stride]
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_take_rates(groups):
    """A group for each of four channels is a depthwise convolution."""
    classifier = classifier_of(
        [
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.Conv2D(8, 3, padding="same", groups=groups),
        ]
    )
    wanted = own_map(classifier)(noise((12, 13)))
    for stride in (1, 2):
        found = last_map(deeplab_tf.atrous(classifier, stride), noise((12, 13)))
        step = 2 // stride
        np.testing.assert_allclose(found[:, ::step, ::step], wanted, rtol=1e-4, atol=1e-5)


def test_excitation_stays_global_and_branches_join():
    image = keras.Input((None, None, 3))
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 4.0, 9.0])(x)
    x = layers.Conv2D(4, 3, strides=2, padding="same")(x)
    pooled = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(x))
    pooled = layers.Conv2D(4, 1, activation="sigmoid")(pooled)
    x = layers.Multiply()([x, pooled])
    strided = layers.Conv2D(4, 3, strides=2, padding="same")(x)
    shortcut = layers.Conv2D(4, 1, strides=2)(x)
    x = layers.Concatenate()([layers.Add()([strided, shortcut]), strided]) * 2.0
    x = layers.BatchNormalization(name="last")(layers.Dropout(0.5)(x))
    classifier = keras.Model(image, layers.Dense(3)(layers.GlobalMaxPooling2D()(x)))
    wanted = own_map(classifier)(noise((20, 22)))
    np.testing.assert_array_equal(
        last_map(deeplab_tf.atrous(classifier, 4), noise((20, 22))), wanted
    )
    # The pool takes its mean over the classifier's points, not over all that are there now.
    dense = deeplab_tf.atrous(classifier, 1)
    found = last_map(dense, noise((20, 22)))[:, ::4, ::4]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert list(dense.feature_strides.values()) == [1, 1]


def test_models_inside_models_are_followed():
    inner = classifier_of(CHAINS["same"]())
    trunk = keras.Model(inner.input, inner.get_layer("last").output)
    image = keras.Input((40, 48, 3))
    x = keras.Sequential([layers.Conv2D(3, 3, padding="same"), layers.ReLU()])(image)
    x = layers.Flatten()(layers.AveragePooling2D(2)(trunk(x)))
    outer = keras.Model(image, layers.Dense(2)(x))
    dense = deeplab_tf.atrous(outer, 2)
    wanted = keras.Model(image, outer.layers[-3].output)(noise((40, 48)))
    found = last_map(dense, noise((40, 48)))
    np.testing.assert_allclose(found[:, ::8, ::8], wanted, rtol=1e-3, atol=1e-4)
    assert dense.input_shape == (None, None, None, 3)  # any size, where the classifier had one


def test_nothing_changes_in_the_classifier_and_statistics_stay():
    classifier = classifier_of(CHAINS["same"]())
    before = classifier.get_weights()
    network = deeplab_tf.atrous(classifier, 2)
    statistics = [w.copy() for w in network.get_weights()]
    network(noise((16, 17)))
    for old, new in zip(statistics, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    network(noise((16, 17)), training=True)
    assert any(np.any(a != b) for a, b in zip(statistics, network.get_weights(), strict=True))
    for old, new in zip(before, classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("padding", PADDINGS)
def test_a_dense_network_is_saved_and_trains(padding, tmp_path):
    network = deeplab_tf.atrous(classifier_of(CHAINS["pools"]()), 2, padding)
    network.save(tmp_path / "dense.keras")
    copy = keras.models.load_model(tmp_path / "dense.keras")
    (name, *_) = network.feature_strides
    np.testing.assert_array_equal(copy(noise((19, 20)))[name], network(noise((19, 20)))[name])
    network = deeplab_tf.atrous(classifier_of(CHAINS["same"]()), 1, padding)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(network(noise((16, 17)))["last"]))
    gradients = tape.gradient(loss, [compat.tf_variable(v) for v in network.trainable_weights])
    assert all(np.any(gradient) for gradient in gradients)


# === What cannot be made atrous ===


def refusal(*chain):
    image = x = keras.Input((32, 32, 4))
    for layer in chain:
        x = layer(x)
    with pytest.raises(ValueError) as caught:
        deeplab_tf.atrous(keras.Model(image, x), 2)
    return str(caught.value)


REFUSED = {
    "lambda": (layers.Lambda(lambda x: x, name="odd"), "the layer odd (Lambda) may look at"),
    "resizing": (layers.UpSampling2D(name="up"), "the layer up (UpSampling2D) may look at"),
    "transposed": (
        layers.Conv2DTranspose(3, 3, strides=2, name="up"),
        "the layer up (Conv2DTranspose) may",
    ),
    "three": (
        layers.Conv2D(3, 3, strides=3, name="third"),
        "third (Conv2D) has the strides (3",
    ),
    "unequal": (layers.MaxPooling2D((1, 2), name="flat"), "flat (MaxPooling2D) has the strides (1"),
    "axis": (
        layers.LayerNormalization(axis=1, name="rows"),
        "rows (LayerNormalization) works",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_cannot_be_made_atrous_is_named(name):
    layer, message = REFUSED[name]
    assert message in refusal(layers.Conv2D(4, 3, strides=2), layer)


def test_convolutions_after_a_reshape_are_refused():
    chain = [
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.Reshape((16, 8, 8), name="shuffled"),
        layers.Conv2D(4, 3, name="late"),
    ]
    assert "late (Conv2D) works on places in the image, which shuffled took" in refusal(*chain)


def test_arguments_are_checked():
    classifier = classifier_of(CHAINS["same"]())
    with pytest.raises(ValueError, match=r"padding must be one of .*Received: padding='valid'"):
        deeplab_tf.atrous(classifier, 8, "valid")
    with pytest.raises(ValueError, match="output_stride of this backbone must be at most 8"):
        deeplab_tf.atrous(classifier, 16)
    with pytest.raises(ValueError, match="weights are for a name"):
        deeplab_tf.atrous(classifier, 8, weights="imagenet")
    with pytest.raises(ValueError, match=r"no classifier 'MobileNetV9' .*did you mean 'MobileNet"):
        deeplab_tf.atrous("MobileNetV9")
    with pytest.raises(ValueError, match="must be a functional"):
        deeplab_tf.atrous(deeplab_tf.DeepLab(num_classes=2, width=0.05))
    image = keras.Input((None, None, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="twice")
    with pytest.raises(ValueError, match="the layer twice is called 2 times"):
        deeplab_tf.atrous(keras.Model(image, layers.MaxPooling2D()(conv(conv(image)))), 2)
