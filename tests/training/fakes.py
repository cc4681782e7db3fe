"""A network so small that NumPy computes its loss and gradient, and Caffe's solver in NumPy."""

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.step import build_step

VOID = 255


class LinearModel(keras.layers.Layer):
    """Stands for a DeepLab whose maps are linear in the colour of single pixels.

    Args:
        strides: pixels between two logits, one a map; all maps share the weights.
    """

    def __init__(self, strides=(2,), classes=3, seed=0):
        super().__init__(name="linear")
        self.logit_strides = list(strides)
        self.batch_norm = "frozen"
        rng = np.random.default_rng(seed)
        self.kernel = self.add_weight(name="kernel", shape=(3, classes))
        self.bias = self.add_weight(name="bias", shape=(classes,))
        self.kernel.assign(rng.normal(size=(3, classes)))
        self.bias.assign(rng.normal(size=classes))

    def variables_by_name(self):
        return {"fc8/kernel": self.kernel, "fc8/bias": self.bias}

    def logit_maps(self, images, training, seeds):
        kernel, bias = compat.tf_variable(self.kernel), compat.tf_variable(self.bias)
        return [tf.tensordot(images[:, ::s, ::s], kernel, 1) + bias for s in self.logit_strides]


def random_batch(iter_size, batch, size=5, classes=3, seed=1):
    """A batch as the pipeline makes it, every image with another share of void."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (iter_size, batch, size, size)).astype(np.int32)
    for number, label in enumerate(labels.reshape(-1, size, size)):
        label[: number % size] = VOID
    return {
        "images": rng.normal(size=(iter_size, batch, size, size, 3)).astype(np.float32),
        "labels": labels,
        "seeds": rng.integers(0, 2**31, (iter_size, batch, 2)).astype(np.int32),
    }


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def pixel_losses(logits, labels):
    """Cross-entropy of every pixel that counts, in one row."""
    chosen = log_softmax(logits)[labels != VOID]
    return -chosen[np.arange(len(chosen)), labels[labels != VOID]]


def linear_gradient(images, labels, kernel, bias):
    """Summed gradient of the cross-entropy of a linear classifier: x^T (p - onehot)."""
    counts = labels != VOID
    x = images[counts].astype(np.float64)
    p = np.exp(log_softmax(images @ kernel + bias))[counts]
    p[np.arange(len(p)), labels[counts]] -= 1
    return x.T @ p, p.sum(0)


def value_of(variable):
    """A copy as NumPy array; np.array(variable) is deprecated on Keras 3."""
    return compat.tf_variable(variable).numpy().copy()


def one_step(
    model, batch, normalize="valid", rate=0.5, rate_multipliers=(), weight_decay=0.0,
    loss="cross_entropy", loss_scale=None, strategy=None,
):  # fmt: skip
    """Takes a step of plain SGD; returns its results and the change of every variable."""
    variables = model.variables_by_name()
    before = {name: value_of(variable) for name, variable in variables.items()}
    trained = trained_variables(model, rate_multipliers)
    optimizer = build_optimizer("SGD", "", rate)
    compat.create_slots(optimizer, [entry.variable for entry in trained])
    step = build_step(
        model, optimizer, trained, strategy or tf.distribute.get_strategy(), weight_decay,
        parse_loss(loss), VOID, normalize, loss_scale,
    )  # fmt: skip
    results = step({name: tf.constant(value) for name, value in batch.items()})
    changes = {name: value_of(variable) - before[name] for name, variable in variables.items()}
    return {name: float(value) for name, value in results.items()}, changes


def caffe_sgd(weights, gradients, rates, momentum, decay=0.0, multiplier=1.0):
    """Caffe's sgd_solver.cpp: the rate is inside the history, the multiplier too."""
    weights, history = np.array(weights, np.float64), 0.0
    for gradient, rate in zip(gradients, rates, strict=True):
        history = momentum * history + rate * multiplier * (gradient + decay * weights)
        weights = weights - history
    return weights
