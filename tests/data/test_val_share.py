import dataclasses
from pathlib import Path

import pytest

from deeplab_tf.data.sources import Item, Source
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.val_share import hold_out

SPEC = DatasetSpec("x", ("a", "b"))


def source(*names, **more):
    items = [Item(name, Path(f"{name}.jpg"), Path(f"{name}.png")) for name in names]
    return Source(SPEC, {"train": items, **more})


def names(split):
    return [item.name for item in split]


FRAMES = [f"video{v}/{i:03d}" for v in range(10) for i in range(7)]


@pytest.mark.parametrize(
    ("count", "share", "held_out"),
    [(10, 0.2, 2), (12, 0.2, 2), (3, 0.01, 1), (2, 0.9, 1), (40, 0.25, 10)],
)
def test_so_many_are_held_out(count, share, held_out):
    every = [f"{i}" for i in range(count)]
    splits = hold_out(source(*every), share).splits
    assert list(splits) == ["train", "val"] and len(splits["val"]) == held_out
    assert sorted(names(splits["train"]) + names(splits["val"])) == sorted(every)
    for split in splits.values():
        assert names(split) == sorted(names(split), key=every.index)


def test_the_seed_alone_chooses():
    every = [f"{i}" for i in range(40)]
    first = names(hold_out(source(*every), 0.25).splits["val"])
    assert names(hold_out(source(*every[::-1]), 0.25).splits["val"]) == first[::-1]
    others = {tuple(names(hold_out(source(*every), 0.25, seed).splits["val"])) for seed in range(5)}
    assert len(others) == 5 and tuple(first) in others
    # By hand: the names in the order of sha256("0 NAME").
    assert names(hold_out(source("a", "b", "c", "d"), 0.25).splits["val"]) == ["b"]


def test_frames_of_a_video_stay_together():
    for pattern in (r"^video\d+", r"(video\d+)/", r"video(\d)(\d?)"):
        splits = hold_out(source(*FRAMES), 0.2, group_by=pattern).splits
        videos = [{name.split("/")[0] for name in names(split)} for split in splits.values()]
        assert not videos[0] & videos[1] and len(videos[1]) == 2 and len(splits["val"]) == 14


def test_a_group_larger_than_the_share_waits_for_smaller_ones():
    every = [f"a{i}" for i in range(18)] + ["b0", "c0"]
    for seed in range(6):
        val = hold_out(source(*every), 0.1, seed, group_by="^.").splits["val"]
        assert names(val) == ["b0", "c0"]
    two = [f"a{i}" for i in range(6)] + [f"b{i}" for i in range(4)]
    assert len(hold_out(source(*two), 0.1, group_by="^.").splits["val"]) == 4


def test_other_splits_stay():
    test = [Item("t", Path("t.jpg"), None)]
    assert hold_out(source("a", "b", test=test), 0.5).splits["test"] == test


@pytest.mark.parametrize("share", [0, 1, -0.2, 20, float("nan")])
def test_a_share_lies_between_0_and_1(share):
    with pytest.raises(ValueError, match="val_share must lie between 0 and 1"):
        hold_out(source("a", "b"), share)


@pytest.mark.parametrize(
    ("data", "group_by", "message"),
    [
        (source("a", val=[Item("b", Path("b"), None)]), None, "this data set has: train, val"),
        (dataclasses.replace(source(), splits={"all": []}), None, "this data set has: all"),
        (source("a"), None, "All 1 examples are one group, 'a'"),
        (source("a1", "a2"), "^a", "All 2 examples are one group, 'a'"),
        (source("a1", "b2", "7"), "^[a-z]", "fits 1 of 3 names not, the first is '7'"),
    ],
)
def test_what_cannot_be_divided(data, group_by, message):
    with pytest.raises(DataError, match=message):
        hold_out(data, 0.5, group_by=group_by)


def test_a_broken_expression():
    with pytest.raises(ValueError, match=r"--group_by=\(: no regular expression"):
        hold_out(source("a", "b"), 0.5, group_by="(")
