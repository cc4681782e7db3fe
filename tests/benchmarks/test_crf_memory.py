import numpy as np
import pytest

from deeplab_tf.benchmarks import crf_memory


@pytest.mark.slow
def test_a_large_picture_fits_into_six_gigabytes():
    measured = crf_memory.measure()
    assert 0 < measured["megabytes_before"] < measured["megabytes"] < 6000
    assert np.isfinite(measured["seconds"])
