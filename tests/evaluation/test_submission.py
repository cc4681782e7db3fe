import json

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import cityscapes, voc12
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.split import open_split
from deeplab_tf.evaluation.evaluate import EvaluatedImage, evaluate
from deeplab_tf.evaluation.submission import SubmissionWriter
from tests.data.archives import make_cityscapes, make_voc12


def evaluated(name, labels):
    return EvaluatedImage(name, image=None, label=None, predictions=[labels])


def test_voc_pngs_hold_ids_under_the_palette(tmp_path):
    labels = np.arange(21 * 3, dtype=np.uint8).reshape(9, 7) % 21
    SubmissionWriter("voc", voc12.SPEC, tmp_path)(evaluated("2008_000001", labels))
    path = tmp_path / "results/VOC2012/Segmentation/comp6_test_cls/2008_000001.png"
    image = Image.open(path)
    assert image.mode == "P"
    np.testing.assert_array_equal(np.array(image), labels)
    colors = np.array(image.convert("RGB"))
    np.testing.assert_array_equal(colors, np.array(voc12.SPEC.palette)[labels])


def test_cityscapes_pngs_hold_label_ids(tmp_path):
    labels = np.arange(19, dtype=np.uint8)[None]
    save = SubmissionWriter("cityscapes", cityscapes.SPEC, tmp_path)
    save(evaluated("ulm_000000_000019", labels))
    image = Image.open(tmp_path / "results/Cityscapes/ulm_000000_000019_labelIds.png")
    assert image.mode == "L"
    assert np.array(image)[0].tolist() == [
        7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
    ]  # fmt: skip


def test_cityscapes_needs_its_classes(tmp_path):
    spec = DatasetSpec("mine", ("a", "b"))
    with pytest.raises(DataError, match=r"needs its 19 classes. Received: 'mine' with 2"):
        SubmissionWriter("cityscapes", spec, tmp_path)


@pytest.mark.parametrize(("form", "make"), [("voc", make_voc12), ("cityscapes", make_cityscapes)])
def test_a_split_without_labels_is_labelled_and_not_scored(tmp_path, form, make):
    make(tmp_path)
    convert("voc12" if form == "voc" else form, tmp_path, tmp_path / "shards", processes=1)
    split = open_split(tmp_path / "shards", "test")
    predictor = deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
    with pytest.raises(DataError, match="has no labels"):
        evaluate(predictor, split)
    save = SubmissionWriter(form, split.spec, tmp_path)
    results = evaluate(predictor, split, callbacks=[save])
    assert set(results) == {"images", "seconds"} and results["images"] == 2
    json.dumps(results, allow_nan=False)
    table = np.arange(256) if form == "voc" else np.array(cityscapes.LABEL_IDS)
    files = sorted(save.folder.iterdir())
    for i, (name, file) in enumerate(zip(split.names, files, strict=True)):
        assert file.name.startswith(name)
        expected = predictor(split.load(i)["image"].numpy())
        np.testing.assert_array_equal(np.array(Image.open(file)), table[expected])


def test_a_labelled_split_is_scored_too(tmp_path):
    make_voc12(tmp_path)
    convert("voc12", tmp_path, tmp_path / "shards", processes=1)
    split = open_split(tmp_path / "shards", "val")
    predictor = deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
    saved = []
    results = evaluate(predictor, split, callbacks=[lambda image: saved.append(image.name)])
    assert saved == split.names
    plain = evaluate(predictor, split)
    assert {**results, "seconds": 0} == {**plain, "seconds": 0} and "miou" in plain
