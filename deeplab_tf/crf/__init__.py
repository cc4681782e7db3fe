"""The fully connected CRF, usable without a network.

`mean_field.py` is the algorithm, `reference.py` the same over all pairs of pixels. As attribute of
this package, `mean_field` is the function for NumPy arrays; it is bound after the module of that
name has been imported.
"""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.crf.numpy_interface import mean_field
    from deeplab_tf.crf.parameters import CrfParameters
    from deeplab_tf.crf.trace import Trace

__all__ = ["CrfParameters", "Trace", "mean_field"]
