import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split import naming_broken_files, open_spec, open_split, require_labels
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.data.voc_layout import VocSplit
from deeplab_tf.evaluation.evaluate import evaluate
from tests.data.fakes import make_voc_folder


def test_opens_what_the_name_says(tmp_path):
    folder = make_voc_folder(tmp_path / "data")
    assert isinstance(open_split(folder, "val"), VocSplit)
    assert isinstance(open_split("synthetic", "val"), SyntheticSplit)
    assert open_spec(str(folder)).name == "fake"
    assert open_spec("synthetic").num_classes == 5


def test_unknown_names(tmp_path):
    with pytest.raises(DataError, match="train, val"):
        open_split("synthetic", "test")
    for call in (open_spec, lambda folder: open_split(folder, "val")):
        with pytest.raises(DataError, match="typo: no such folder"):
            call(tmp_path / "typo")


def test_a_single_class_is_refused_with_what_to_do(tmp_path):
    folder = make_voc_folder(tmp_path / "data", num_classes=1)
    (folder / "dataset.json").write_text('{"name": "cells", "class_names": ["cell"]}')
    split = open_split(folder, "train")
    text = r"has the one class 'cell'.*mIoU 100.*\[\"background\", \"cell\"\]"
    with pytest.raises(DataError, match=text):
        require_labels(split)
    predictor = deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
    with pytest.raises(DataError, match=text):
        evaluate(predictor, split, callbacks=[print])


def test_an_error_of_a_decoder_gets_the_file_name(tmp_path):
    folder = make_voc_folder(tmp_path / "data")
    path = folder / "JPEGImages/pic_3.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    split = open_split(folder, "train")
    with pytest.raises(DataError, match=r"pic_3\.jpg: broken"), naming_broken_files(split):
        list(evaluation_dataset(split))


def test_other_errors_stay(tmp_path):
    split = open_split(make_voc_folder(tmp_path / "data"), "train")
    with pytest.raises(tf.errors.InvalidArgumentError, match="mine"), naming_broken_files(split):
        raise tf.errors.InvalidArgumentError(None, None, "mine")
    with pytest.raises(KeyError), naming_broken_files(split):
        raise KeyError("x")
