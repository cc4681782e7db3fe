"""The formats of files with weights of others, one row each."""

from __future__ import annotations

from deeplab_tf.weights import caffe, keras_applications, npy_nets, torch_nets
from deeplab_tf.weights.weight_source import Source

# Name in `import_weights.py --format` -> what reads it. All of them are sources of first weights.
FORMATS: dict[str, Source] = {
    "caffe": caffe.SOURCE,
    "torch": torch_nets.SOURCE,
    "npy": npy_nets.SOURCE,
    "keras_applications": keras_applications.SOURCE,
}
