import pytest

from deeplab_tf.benchmarks import crf_memory


@pytest.mark.slow
def test_a_large_picture_fits_into_six_gigabytes():
    measured = crf_memory.measure()
    scores = 2048 * 1024 * 19 * 4 / 2**20
    assert 2 * scores < measured["megabytes"] < 6000
    assert measured["seconds"] > 0
