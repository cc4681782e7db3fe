"""The fully connected CRF as a layer."""

from __future__ import annotations

import functools

import keras
import tensorflow as tf

from deeplab_tf.crf import pydensecrf_backend
from deeplab_tf.crf.parameters import CrfParameters


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DenseCRF(keras.layers.Layer):
    """Refines label scores so that they follow the edges of the image.

    Mean field in a fully connected CRF with an appearance and a smoothness kernel. It computes
    in float32 under every dtype policy. No gradient passes through `implementation="pydensecrf"`
    (the output is a constant to a gradient tape): it is for inference behind a trained network.
    That implementation runs one image after the other on one CPU core outside the graph; it can
    be kept in a `.keras` file but not run by TensorFlow Serving.

    Args:
        iterations: mean-field updates; 0 returns the softmax of the scores.
        bilateral_weight: w1, weight of the appearance kernel. Larger: nearby pixels of like
            colour are pulled harder to one label.
        bilateral_sigma_xy: sigma alpha in pixels, reach of the appearance kernel.
        bilateral_sigma_rgb: sigma beta in steps of 0..255. Smaller: weaker edges stop the kernel.
        gaussian_weight: w2, weight of the smoothness kernel. Larger: small regions vanish.
        gaussian_sigma_xy: sigma gamma in pixels, reach of the smoothness kernel.
        normalization: `"after"`, `"symmetric"`, `"before"` or `"none"`, see `CrfParameters`.
        compatibility: `"potts"`, or a vector [C] or matrix [C, C] of penalties between labels,
            positive = dislike, see `CrfParameters`.
        implementation: `"pydensecrf"`; `"graph"` comes with a later release.
        mode: `"exact"` or `"fast"`; without effect on pydensecrf, which is exact.
        spatial_kernel: `"separable"` or `"lattice"`; without effect on pydensecrf (lattice).
        from_probabilities: the first input is probabilities instead of logits.
        clip: lower bound of probabilities before their logarithm.
        trainable: learn weights and compatibility; not with pydensecrf.
        **kwargs: name of the layer.

    Call arguments:
        inputs: pair of logits (or probabilities) [B, H, W, C] and images [B, H, W, 3], RGB
            0..255, uint8 or float.
        valid: int32 [B, 2], height and width of the top-left part that counts. Padding outside
            is not refined (its softmax is returned) and does not influence the part inside.

    Returns:
        float32 probabilities [B, H, W, C].

    Raises:
        ImportError: pydensecrf is not installed (when called, so that models load without it).
        ValueError: a parameter is wrong, or logits and images differ in size.

    Source: Chen et al. 2015, section 4.2; 2016, section 3.3.

    Example:
        >>> crf = DenseCRF(implementation="pydensecrf", bilateral_sigma_xy=40)
        >>> crf((tf.random.normal([1, 5, 7, 3]), tf.zeros([1, 5, 7, 3], tf.uint8))).shape
        TensorShape([1, 5, 7, 3])
    """

    def __init__(
        self,
        *,
        iterations=10,
        bilateral_weight=4.0,
        bilateral_sigma_xy=67.0,
        bilateral_sigma_rgb=3.0,
        gaussian_weight=3.0,
        gaussian_sigma_xy=1.0,
        normalization="after",
        compatibility="potts",
        implementation="graph",
        mode="exact",
        spatial_kernel="separable",
        from_probabilities=False,
        clip=1e-5,
        trainable=False,
        **kwargs,
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
        parameters.require_implementation()
        super().__init__(trainable=trainable, **{**kwargs, "dtype": "float32"})
        self.parameters = parameters
        self.supports_jit = False  # XLA compiles no Python function

    def call(self, inputs, valid=None):
        """Refines logits [B, H, W, C] with images [B, H, W, 3]."""
        logits, images = inputs
        logits, images = tf.cast(logits, tf.float32), tf.cast(images, tf.float32)
        static_shape = _static_shape(logits, images)
        if valid is None:
            batch, height, width = tf.unstack(tf.shape(logits)[:3])
            valid = tf.tile([[height, width]], [batch, 1])
        marginals = self._refine(self._scores(logits), images, tf.cast(valid, tf.int32))
        marginals.set_shape(static_shape)
        return marginals

    def _scores(self, logits):
        """Minus the unary energy."""
        if not self.parameters.from_probabilities:
            return logits
        return tf.math.log(tf.clip_by_value(logits, self.parameters.clip, 1.0))

    def _refine(self, scores, images, valid):
        pydensecrf_backend.load_pydensecrf()  # while tracing: an error inside the graph is opaque
        refine = functools.partial(_refine_eagerly, parameters=self.parameters)
        return tf.stop_gradient(tf.py_function(refine, [scores, images, valid], tf.float32))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the logits."""
        return tuple(input_shape[0])

    def get_config(self):
        """Returns Keras' own entries and every parameter."""
        # `trainable` is the constructor's: Keras' flag changes with that of the model around.
        return {**super().get_config(), **self.parameters.to_dict()}


def _refine_eagerly(scores, images, valid, parameters):
    arrays = (tensor.numpy() for tensor in (scores, images, valid))
    return pydensecrf_backend.mean_field_batch(*arrays, parameters)


def _static_shape(logits, images) -> tf.TensorShape:
    """What the graph knows of the output's shape, from logits and images together."""
    wanted = tf.TensorShape(logits.shape[:3]).concatenate(3)
    if logits.shape.rank not in (None, 4) or not images.shape.is_compatible_with(wanted):
        raise ValueError(
            "DenseCRF needs logits [B, H, W, C] and images [B, H, W, 3] of the same size. "
            f"Received: logits of shape {logits.shape}, images of shape {images.shape}."
        )
    return images.shape.merge_with(wanted)[:3].concatenate(logits.shape[-1:])
