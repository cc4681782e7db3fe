"""A run that is killed (SIGKILL), at whatever moment, ends as one that is left alone."""

import pytest

from tests.training.kills import LINES, assert_same_end, end_at, finish, result, start


# `python -m tests.training.kills` has all moments, each in a run of its own.
@pytest.mark.slow
@pytest.mark.usefixtures("shallow_vgg", "eager")
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(whole))
    moments = ["checkpoint: begun", "best network: begun", "model: begun"]
    statuses = [end_at(start(killed), killed, moment)[0] for moment in moments]
    assert statuses.count(-9) >= 2  # some moments last a millisecond
    finish(start(killed))
    wanted = result(whole)
    assert len(wanted[1]) == LINES
    assert_same_end(result(killed), wanted)
    assert not list(killed.rglob("*_temp"))
