"""Times Winograd's F(4x4, 3x3) as a prototype beside TensorFlow's convolution, in float32.

The library does not use it; docs/benchmarks.md says why. Lavin and Gray 2016 (arXiv 1509.09308)
have the matrices.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from benchmarks.timing import time_in_turn

# Images, side and channels of convolutions of VGG-16 on crops of 321 and 513.
SHAPES = ((1, 321, 64), (1, 161, 128), (1, 81, 256), (1, 41, 512), (2, 65, 512))
_KERNEL = (
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32)
    / 24
)
_INPUT = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
     [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]], np.float32,
)  # fmt: skip
_OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    np.float32,
)


def transform_kernel(kernel: np.ndarray) -> np.ndarray:
    """Transforms a kernel [3, 3, C, D] to [36, C, D]."""
    transformed = np.einsum("ai,bj,ijkl->abkl", _KERNEL, _KERNEL, kernel)
    return transformed.reshape(36, *kernel.shape[2:])


def convolve(images: tf.Tensor, transformed: tf.Tensor) -> tf.Tensor:
    """Convolves [B, H, W, C] with zeros around it, with a kernel from `transform_kernel`."""
    batch, height, width, channels = images.shape
    rows, columns = -(-height // 4), -(-width // 4)
    padded = tf.pad(
        images, [[0, 0], [1, 4 * rows + 1 - height], [1, 4 * columns + 1 - width], [0, 0]]
    )
    # Every fourth row from each of six first ones: tiles of six that overlap by two.
    bands = _combine([padded[:, i : i + 4 * rows - 3 : 4] for i in range(6)])
    tiles = [
        tile
        for band in bands
        for tile in _combine([band[:, :, j : j + 4 * columns - 3 : 4] for j in range(6)])
    ]
    inputs = tf.reshape(tf.stack(tiles), [36, batch * rows * columns, channels])
    products = tf.reshape(inputs @ transformed, [6, 6, batch, rows, columns, -1])
    outputs = tf.einsum("pi,ijbhwc->pjbhwc", _OUTPUT, products)
    outputs = tf.einsum("qj,pjbhwc->bhpwqc", _OUTPUT, outputs)
    outputs = tf.reshape(outputs, [batch, 4 * rows, 4 * columns, products.shape[-1]])
    return outputs[:, :height, :width]


def run(repeats: int, shapes=SHAPES) -> dict:
    """Times all forms of every convolution in turn and prints them.

    Args:
        repeats: rounds of which the median counts.
        shapes: images, side and channels, of inputs and outputs alike.

    Returns:
        Rows of seconds by form, and the largest error as a share of the largest output.
    """
    rows = []
    for batch, side, channels in shapes:
        rng = np.random.default_rng(0)
        images = tf.constant(rng.normal(size=[batch, side, side, channels]), tf.float32)
        deviation = (9 * channels) ** -0.5
        kernel = rng.normal(0, deviation, [3, 3, channels, channels]).astype(np.float32)
        transformed = tf.constant(transform_kernel(kernel))
        inputs = tf.random.normal([36, batch * (-(-side // 4)) ** 2, channels])
        forms = {
            "convolution": _graph(lambda x, kernel=kernel: tf.nn.conv2d(x, kernel, 1, "SAME")),
            "stock operations": _graph(lambda x, u=transformed: convolve(x, u)),
            "XLA": _graph(lambda x, u=transformed: convolve(x, u), jit_compile=True),
            "products": _graph(lambda x, v=inputs, u=transformed: v @ u),
        }
        results = [forms[name](images).numpy() for name in ("convolution", "stock operations")]
        error = float(np.abs(results[0] - results[1]).max() / np.abs(results[0]).max())
        calls = {name: lambda form=form, x=images: form(x).numpy() for name, form in forms.items()}
        row = {"images": batch, "side": side, "channels": channels, "error": error}
        rows.append({**row, "seconds": time_in_turn(calls, repeats)})
        times = "".join(f"{name} {1e3 * t:.1f} ms  " for name, t in rows[-1]["seconds"].items())
        print(f"{batch:>3}{side:>5}{channels:>5}  {times}error {error:.0e}", flush=True)
    return {"rows": rows}


def _combine(parts: list[tf.Tensor]) -> list[tf.Tensor]:
    """Multiplies the input's matrix by six tensors."""
    return [
        tf.add_n([float(factor) * part for factor, part in zip(row, parts, strict=True) if factor])
        for row in _INPUT
    ]


def _graph(function, **options):
    return tf.function(function, autograph=False, **options)
