"""The fully connected CRF as a layer."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.crf import pydensecrf_backend
from deeplab_tf.crf.inputs import (
    defined_values,
    warn_of_logits,
    warn_of_probabilities,
    warn_of_scaled_image,
)
from deeplab_tf.crf.learnable import Weights
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.refine import batch_function

# Frames from the checks up to who calls the layer; in between lies Keras, more or less of it.
_USER = 4


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DenseCRF(keras.layers.Layer):
    """Refines label logits so that they follow the edges of the image.

    Mean field in a fully connected CRF with an appearance and a smoothness kernel. It computes
    in float32 under every dtype policy. The graph implementation is made of stock TensorFlow
    operations, runs in TensorFlow Serving and passes gradients to logits, weights and
    compatibility (not to the image). XLA has no kernel for its sparse products: models of Keras 3
    then fall back from `jit_compile=True`; elsewhere leave the layer outside the compiled function.

    `implementation="pydensecrf"` runs one image after the other on one CPU core outside the
    graph. No gradient passes it; it can be kept in a `.keras` file but not run by TensorFlow
    Serving.

    Args:
        iterations: mean-field updates; 0 returns the softmax of the logits.
        bilateral_weight: w1, weight of the appearance kernel. Larger: nearby pixels of like
            colour are pulled harder to one label.
        bilateral_sigma_xy: sigma alpha in pixels, reach of the appearance kernel.
        bilateral_sigma_rgb: sigma beta in steps of 0..255. Smaller: weaker edges stop the kernel.
        gaussian_weight: w2, weight of the smoothness kernel. Larger: small regions vanish.
        gaussian_sigma_xy: sigma gamma in pixels, reach of the smoothness kernel.
        normalization: `"after"`, `"symmetric"`, `"before"` or `"none"`, see `CrfParameters`.
        compatibility: `"potts"`, or a vector [C] or matrix [C, C] of penalties between labels,
            positive = dislike, see `CrfParameters`.
        implementation: `"graph"`, or `"pydensecrf"` for that package.
        mode: `"exact"`, or `"fast"`: after one update, pixels whose label is surer than 0.99
            are frozen, and labels below 0.1 (and 1 / C) everywhere are pruned.
            On images of 500x375, 99.98 % of the labels or more are those of the exact mode, in
            three quarters of the time (docs/crf.md). Without effect on pydensecrf.
        spatial_kernel: how the smoothness kernel is computed: `"separable"` as a true Gaussian,
            or on the `"lattice"` as pydensecrf does.
        from_probabilities: the first input is probabilities instead of logits.
        clip: lower bound of probabilities before their logarithm.
        trainable: learn both weights and the compatibility as a matrix (a vector stays one); not
            with pydensecrf.
        **kwargs: name of the layer.

    Call arguments:
        inputs: pair of logits (or probabilities) [B, H, W, C] and images [B, H, W, 3], RGB
            0..255, uint8 or float. A logit of -infinity excludes its label. A pixel with NaN or
            infinity, or with -infinity for all labels, counts as one whose labels are all equally
            likely. (`deeplab_tf.crf.mean_field` refuses such pixels.)
        valid: int32 [B, 2], height and width of the top-left part that counts. Padding outside
            is not refined (its softmax is returned) and does not influence the part inside.

    Attributes:
        compiled: whether a call outside of a graph compiles the mean field first (the default).
            That takes as long as refining four images of 480x360, each of which then takes half
            the time. Switch it off where almost every image comes with new parameters.

    Returns:
        float32 probabilities [B, H, W, C].

    Raises:
        ImportError: pydensecrf is not installed (when called, so that models load without it).
        ValueError: a parameter is wrong, or logits and images differ in size.
        tf.errors.InvalidArgumentError: when run, an image holds NaN or infinity, or a valid part
            does not fit.

    Source: Chen et al. 2015, section 4.2; 2016, section 3.3.

    Example:
        >>> crf = DenseCRF(bilateral_sigma_xy=40)
        >>> crf((tf.random.normal([1, 5, 7, 3]), tf.zeros([1, 5, 7, 3], tf.uint8))).shape
        TensorShape([1, 5, 7, 3])
    """

    def __init__(
        self,
        *,
        iterations: int = 10,
        bilateral_weight: float = 4.0,
        bilateral_sigma_xy: float = 67.0,
        bilateral_sigma_rgb: float = 3.0,
        gaussian_weight: float = 3.0,
        gaussian_sigma_xy: float = 1.0,
        normalization: str = "after",
        compatibility: str | Sequence | np.ndarray = "potts",
        implementation: str = "graph",
        mode: str = "exact",
        spatial_kernel: str = "separable",
        from_probabilities: bool = False,
        clip: float = 1e-5,
        trainable: bool = False,
        **kwargs: Any,
    ):
        parameters = CrfParameters(
            iterations=iterations,
            bilateral_weight=bilateral_weight,
            bilateral_sigma_xy=bilateral_sigma_xy,
            bilateral_sigma_rgb=bilateral_sigma_rgb,
            gaussian_weight=gaussian_weight,
            gaussian_sigma_xy=gaussian_sigma_xy,
            normalization=normalization,
            compatibility=compatibility,
            implementation=implementation,
            mode=mode,
            spatial_kernel=spatial_kernel,
            from_probabilities=from_probabilities,
            clip=clip,
            trainable=trainable,
        )
        super().__init__(trainable=trainable, **{**kwargs, "dtype": "float32"})
        self.parameters = parameters
        self.compiled = True
        self.supports_jit = False

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Creates the weights, where they are trainable.

        Args:
            input_shape: shapes of logits and images.
        """
        parameters = self.parameters
        if parameters.trainable:
            penalties = _initial_penalties(parameters, input_shape[0][-1])
            self.bilateral_weight = self._scalar("bilateral_weight")
            self.gaussian_weight = self._scalar("gaussian_weight")
            self.compatibility = self.add_weight(
                name="compatibility",
                shape=penalties.shape,
                initializer=keras.initializers.Constant(penalties),
            )
        self.built = True

    def _scalar(self, name: str) -> tf.Variable:
        start = keras.initializers.Constant(getattr(self.parameters, name))
        return self.add_weight(name=name, shape=(), initializer=start)

    def call(self, inputs: Sequence[tf.Tensor], valid: tf.Tensor | None = None) -> tf.Tensor:
        """Refines logits [B, H, W, C] with images [B, H, W, 3], see the class."""
        logits, images = inputs
        self._warn_of_scale(logits, images)
        logits, images = tf.cast(logits, tf.float32), tf.cast(images, tf.float32)
        static_shape = _static_shape(logits, images)
        if valid is not None:
            valid = tf.cast(valid, tf.int32)
        marginals = self._refine(self._logits(logits), images, valid)
        marginals.set_shape(static_shape)
        return marginals

    def _warn_of_scale(self, logits: tf.Tensor, images: tf.Tensor) -> None:
        """Warns, outside of a graph, of inputs that are finite but hardly what is meant."""
        if not tf.executing_eagerly():
            return
        values = np.asarray(logits)
        warn_of_scaled_image(np.asarray(images), stacklevel=_USER)
        if not self.parameters.from_probabilities:
            warn_of_probabilities(values, stacklevel=_USER)
        else:
            warn_of_logits(values, stacklevel=_USER)

    def _logits(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns minus the unary energy."""
        if not self.parameters.from_probabilities:
            return logits
        return tf.math.log(tf.clip_by_value(defined_values(logits), self.parameters.clip, 1.0))

    def _refine(self, logits: tf.Tensor, images: tf.Tensor, valid: tf.Tensor | None) -> tf.Tensor:
        if self.parameters.implementation == "graph":
            if self.parameters.compatibility != "potts":
                _known_classes(logits.shape[-1])
            refine = batch_function(self.parameters)
            refine = refine if self.compiled else refine.python_function
            return refine(logits, images, valid, self._learned())
        if valid is None:
            batch, height, width = tf.unstack(tf.shape(logits)[:3])
            valid = tf.tile([[height, width]], [batch, 1])
        pydensecrf_backend.load_pydensecrf()  # while tracing: an error inside the graph is opaque
        refine = functools.partial(_refine_eagerly, parameters=self.parameters)
        inputs = [defined_values(logits), images, valid]
        return tf.stop_gradient(tf.py_function(refine, inputs, tf.float32))

    def _learned(self) -> Weights | None:
        if not self.parameters.trainable:
            return None
        variables = self.bilateral_weight, self.gaussian_weight, self.compatibility
        return Weights(*(tf.convert_to_tensor(variable) for variable in variables))

    def compute_output_shape(
        self, input_shape: Sequence[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the logits."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Returns Keras' own entries and every parameter."""
        # `trainable` is the constructor's: Keras' flag changes with that of the model around.
        return {**super().get_config(), **self.parameters.to_dict()}


def _refine_eagerly(
    logits: tf.Tensor, images: tf.Tensor, valid: tf.Tensor, parameters: CrfParameters
) -> np.ndarray:
    return pydensecrf_backend.mean_field_batch(
        logits.numpy(), images.numpy(), valid.numpy(), parameters
    )


def _initial_penalties(parameters: CrfParameters, num_classes: int | None) -> np.ndarray:
    classes = _known_classes(num_classes)
    penalties = parameters.penalties(classes)
    return 1 - np.eye(classes, dtype=np.float32) if penalties is None else penalties


def _known_classes(num_classes: int | None) -> int:
    if num_classes is None:
        raise ValueError(
            "DenseCRF needs logits with a known number of classes for a compatibility vector or "
            "matrix. Set it with tf.ensure_shape(logits, [None, None, None, C])."
        )
    return num_classes


def _static_shape(logits: tf.Tensor, images: tf.Tensor) -> tf.TensorShape:
    """Returns what logits and images together tell of the output's shape."""
    wanted = tf.TensorShape(logits.shape[:3]).concatenate(3)
    if logits.shape.rank not in (None, 4) or not images.shape.is_compatible_with(wanted):
        raise ValueError(
            "DenseCRF needs logits [B, H, W, C] and images [B, H, W, 3] of the same size. "
            f"Received: logits of shape {logits.shape}, images of shape {images.shape}."
        )
    return images.shape.merge_with(wanted)[:3].concatenate(logits.shape[-1:])
