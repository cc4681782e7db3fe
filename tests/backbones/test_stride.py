import pytest

from deeplab_tf.backbones.stride import OUTPUT_STRIDES, plan_stages

# Output stride -> stride, rate and next rate of five stages that halve.
PLANS = {
    1: [(1, 1, 2), (1, 2, 4), (1, 4, 8), (1, 8, 16), (1, 16, 32)],
    2: [(2, 1, 1), (1, 1, 2), (1, 2, 4), (1, 4, 8), (1, 8, 16)],
    4: [(2, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4), (1, 4, 8)],
    8: [(2, 1, 1), (2, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4)],
    16: [(2, 1, 1), (2, 1, 1), (2, 1, 1), (2, 1, 1), (1, 1, 2)],
    32: [(2, 1, 1)] * 5,
}


@pytest.mark.parametrize("output_stride", OUTPUT_STRIDES)
def test_plan_of_five_stages(output_stride):
    plan = plan_stages([2] * 5, output_stride)
    assert [tuple(stage) for stage in plan] == PLANS[output_stride]


@pytest.mark.parametrize("output_stride", OUTPUT_STRIDES)
def test_no_stage_has_both_stride_and_rate(output_stride):
    for stage in plan_stages([2] * 5, output_stride):
        assert stage.stride == 1 or stage.rate == stage.next_rate == 1


@pytest.mark.parametrize("output_stride", [0, 3, 64, "8"])
def test_impossible_strides_are_refused(output_stride):
    with pytest.raises(ValueError, match=r"output_stride must be one of .*Received"):
        plan_stages([2] * 5, output_stride)
