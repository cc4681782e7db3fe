import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.data.voc_layout import VocSplit
from deeplab_tf.data.voc_writer import write_voc_layout


def test_reader_gives_back_what_was_written(tmp_path):
    splits = {"train": SyntheticSplit("train", examples=2), "val": SyntheticSplit("val", 3)}
    write_voc_layout(tmp_path, splits)
    assert json.loads((tmp_path / "dataset.json").read_text())["splits"] == {
        "train": {"examples": 2},
        "val": {"examples": 3},
    }
    for name, written in splits.items():
        read = VocSplit(tmp_path, name)
        read.check()
        assert read.names == written.names
        assert read.spec.class_names == written.spec.class_names
        for i in range(len(read)):
            index = tf.constant(i, tf.int64)
            for key in ("image", "label"):
                expected = written.load(index)[key].numpy()
                np.testing.assert_array_equal(read.load(index)[key].numpy(), expected)


def test_no_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no split"):
        write_voc_layout(tmp_path, {})
