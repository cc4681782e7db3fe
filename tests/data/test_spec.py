import json

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.spec import DataError, DatasetSpec, Shard, palette_bytes, voc_palette

VOC_COLORS = """0 0 0, 128 0 0, 0 128 0, 128 128 0, 0 0 128, 128 0 128, 0 128 128, 128 128 128,
64 0 0, 192 0 0, 64 128 0, 192 128 0, 64 0 128, 192 0 128, 64 128 128, 192 128 128, 0 64 0,
128 64 0, 0 192 0, 128 192 0, 0 64 128"""


def test_voc_palette_is_the_published_one():
    published = tuple(tuple(map(int, color.split())) for color in VOC_COLORS.split(","))
    assert voc_palette(21) == published
    assert voc_palette(256)[255] == (224, 224, 192)
    assert len(set(voc_palette(256))) == 256


def test_round_trip_through_a_file(tmp_path):
    spec = DatasetSpec(
        name="näme",
        class_names=("a", "b"),
        palette=((1, 2, 3), (4, 5, 6)),
        splits={"train": 7, "val": 2},
        ignore_label=250,
    )
    spec.save(tmp_path)
    assert DatasetSpec.load(tmp_path) == spec
    assert DatasetSpec.from_dict(spec.to_dict()) == spec
    written = json.loads((tmp_path / "dataset.json").read_text(encoding="utf-8"))
    assert written["splits"] == {"train": {"examples": 7}, "val": {"examples": 2}}


def test_shards_are_kept(tmp_path):
    shards = {"val": (Shard("val-0.tfrecord", 2, "ab"), Shard("val-1.tfrecord", 1, "cd"))}
    spec = DatasetSpec("x", ("a", "b"), splits={"val": 3, "test": 1}, shards=shards)
    spec.save(tmp_path)
    assert DatasetSpec.load(tmp_path) == spec
    written = json.loads((tmp_path / "dataset.json").read_text())["splits"]
    assert written["val"]["shards"][0] == {"file": "val-0.tfrecord", "examples": 2, "sha256": "ab"}
    assert "shards" not in written["test"]


def test_unknown_keys_are_left_aside_and_optional_ones_have_defaults(tmp_path):
    values = {
        "class_names": ["a", "b"],
        "comment": [1],
        "splits": {"train": {"examples": 3, "shards": []}, "test": {}},
    }
    spec = DatasetSpec.from_dict(values)
    assert spec.splits == {"train": 3}
    assert spec.palette == voc_palette(2)
    assert spec.ignore_label == 255
    assert spec.num_classes == 2


def test_missing_file_prints_a_template_that_is_itself_valid(tmp_path):
    with pytest.raises(DataError) as caught:
        DatasetSpec.load(tmp_path)
    text = str(caught.value)
    assert str(tmp_path / "dataset.json") in text
    template = json.loads(text[text.index("{") :])
    assert DatasetSpec.from_dict(template).num_classes == 3


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        DatasetSpec.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"class_names": None}, "class_names"),
        ({"class_names": []}, "class_names"),
        ({"class_names": ["a", 3]}, "class_names"),
        ({"class_names": ["a", "a"]}, "twice"),
        ({"class_names": [str(i) for i in range(256)]}, "1 to 255"),
        # Counted first: looking for equal names among so many takes minutes.
        ({"class_names": [str(i) for i in range(200_000)]}, "received 200000"),
        ({"class_names": ["a", "\x1b[2J"]}, "no control characters"),
        ({"class_names": ["a", "b\n"]}, "no control characters"),
        ({"class_names": ["a", "\u202eb"]}, "no control characters"),
        ({"class_names": ["a", "\x9b2J"]}, "no control characters"),
        ({"name": "x\x07"}, "no control characters"),
        ({"palette": [[0, 0, 0]]}, "palette"),
        ({"palette": [[0, 0, 0], [0, 0, 256]]}, "palette"),
        ({"palette": [[0, 0, 0], [0, 0]]}, "palette"),
        ({"palette": [[0, 0, 0], "red"]}, "palette"),
        ({"ignore_label": 1}, "ignore_label"),
        ({"ignore_label": 256}, "ignore_label"),
        ({"ignore_label": "255"}, "ignore_label"),
        ({"ignore_label": True}, "ignore_label"),
        ({"splits": ["train"]}, "splits"),
        ({"splits": {"train": 3}}, "splits.train"),
        ({"splits": {"train": {"examples": "3"}}}, "splits.train.examples"),
        ({"splits": {"train": {"examples": 3, "shards": ["a"]}}}, "splits.train.shards"),
        ({"splits": {"train": {"examples": 3, "shards": [{"file": 1}]}}}, "splits.train.shards"),
    ],
)
def test_wrong_values_name_file_and_key(tmp_path, change, word):
    values = {"name": "x", "class_names": ["a", "b"], **change}
    (tmp_path / "dataset.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match=word) as caught:
        DatasetSpec.load(tmp_path)
    assert str(tmp_path / "dataset.json") in str(caught.value)


def test_names_of_every_script_are_taken():
    names = ("Straße", "道路", "می‌خواهم", "क्‍ष", "🚗", "a b/c", "ignoré")
    assert DatasetSpec.from_dict(DatasetSpec("x", names).to_dict()).class_names == names


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe"])
def test_unreadable_json_names_the_file(tmp_path, content):
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(DataError, match=r"dataset\.json"):
        DatasetSpec.load(tmp_path)


def test_palette_bytes_for_pillow():
    spec = DatasetSpec("x", ("a", "b"), ((9, 8, 7), (6, 5, 4)), ignore_label=254)
    image = Image.fromarray(np.array([[0, 1, 254, 2]], np.uint8))
    image.putpalette(palette_bytes(spec))
    colors = np.array(image.convert("RGB"))[0].tolist()
    assert colors == [[9, 8, 7], [6, 5, 4], [224, 224, 192], [0, 128, 0]]
    assert len(palette_bytes(spec)) == 768
