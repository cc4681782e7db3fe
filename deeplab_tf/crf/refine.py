"""Refines images in the graph: one, or a batch as one compiled function."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.crf.fast import prune, run_fast
from deeplab_tf.crf.inputs import defined_values
from deeplab_tf.crf.kernels import build_kernels
from deeplab_tf.crf.lattice.build_lattice import Lattice
from deeplab_tf.crf.learnable import Weights, fixed_weights
from deeplab_tf.crf.mean_field import MeanField, Unary
from deeplab_tf.crf.parameters import CrfParameters


def build_mean_field(
    logits: tf.Tensor,
    image: tf.Tensor,
    parameters: CrfParameters,
    weights: Weights,
    lattices: list[Lattice] | None = None,
) -> MeanField:
    """Builds the kernels of an image and the mean field of all its labels.

    Args:
        logits: float32 [H, W, C], minus the unary energy; see `defined_values` for what is not
            finite.
        image: float32 [H, W, 3], RGB 0..255.
        parameters: of the CRF.
        weights: used in place of the parameters' own.
        lattices: used in place of building the image's, see `build_kernels`.

    Raises:
        tf.errors.InvalidArgumentError: when run, the image is not finite, or sigmas are so small
            that the lattice would be too fine.
    """
    image = tf.stop_gradient(image)
    kernels = build_kernels(image, parameters, weights, logits.shape[2], lattices)
    logits = defined_values(tf.reshape(logits, [-1, tf.shape(logits)[2]]))
    return MeanField(Unary(logits, tf.nn.softmax(logits)), kernels, weights.penalties)


def refine_image(
    logits: tf.Tensor,
    image: tf.Tensor,
    parameters: CrfParameters,
    weights: Weights,
    lattices: list[Lattice] | None = None,
) -> tf.Tensor:
    """Refines one image.

    It takes the arguments of `build_mean_field`, raises what that does, and returns probabilities
    float32 [H, W, C].
    """
    problem = build_mean_field(logits, image, parameters, weights, lattices)
    problem, live = prune(problem, parameters, weights)
    if parameters.mode == "fast":
        (marginals, factor), live = run_fast(problem, live, parameters.iterations)
    else:
        marginals, factor = problem.run(parameters.iterations)
    if live is not None:
        marginals = live.restore(marginals, factor)
    return tf.reshape(marginals, tf.shape(logits))


@functools.lru_cache(maxsize=16)
def batch_function(parameters: CrfParameters) -> tf.types.experimental.GenericFunction:
    """Returns the compiled function that refines a batch, each image by itself.

    It takes logits float32 [B, H, W, C] (minus the unary energy), images float32 [B, H, W, 3]
    (RGB 0..255), valid int32 [B, 2] (height and width of the top-left part that counts) or None
    for all of it, and learned weights or None for the parameters' own. It returns probabilities
    float32 [B, H, W, C], outside the valid part the softmax of the logits. Logits that are not
    finite are read as `defined_values` says. It raises InvalidArgumentError for a valid part that
    does not fit and for an image that is not finite.

    Args:
        parameters: of the CRF.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def refine_batch(
        logits: tf.Tensor,
        images: tf.Tensor,
        valid: tf.Tensor | None = None,
        learned: Weights | None = None,
    ) -> tf.Tensor:
        weights = learned or fixed_weights(parameters, logits.shape[-1])

        def refine_all(logits: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
            # An empty image has no smallest coordinate.
            return tf.cond(
                tf.size(logits) > 0,
                lambda: refine_image(logits, image, parameters, weights),
                lambda: logits,
            )

        def refine_part(logits: tf.Tensor, image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
            size = _checked_size(size, tf.shape(logits)[:2])
            part = refine_all(*(x[: size[0], : size[1]] for x in (logits, image)))
            paddings = tf.stack([tf.zeros([2], tf.int32), tf.shape(logits)[:2] - size], axis=1)
            paddings = tf.pad(paddings, [[0, 1], [0, 0]])
            is_inside = tf.pad(tf.ones_like(part, tf.bool), paddings)
            outside = tf.nn.softmax(defined_values(logits))
            return tf.where(is_inside, tf.pad(part, paddings), outside)

        refine: Callable[..., tf.Tensor] = refine_all
        inputs: tuple[tf.Tensor, ...] = (logits, images)
        if valid is not None:
            refine, inputs = refine_part, (logits, images, valid)
        if logits.shape[0] == 1:  # spares copies
            return refine(*(x[0] for x in inputs))[None]
        signature = tf.TensorSpec(logits.shape[1:], tf.float32)
        return tf.map_fn(
            lambda one: refine(*one), inputs, fn_output_signature=signature, parallel_iterations=1
        )

    return refine_batch


def _checked_size(size: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    fits = tf.reduce_all((size >= 0) & (size <= largest))
    message = ["valid must lie within the images' height and width.", largest, "Received:", size]
    with tf.control_dependencies([tf.debugging.Assert(fits, message)]):
        return tf.identity(size)
