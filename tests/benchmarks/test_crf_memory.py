import pytest

from benchmarks import crf_memory


@pytest.mark.slow
def test_a_large_image_fits_into_six_gigabytes():
    measured = crf_memory.measure(iterations=2)
    logits = 2048 * 1024 * 19 * 4 / 2**20
    assert 2 * logits < measured["megabytes"] < 6000
    assert measured["seconds"] > 0
