"""`tools/doctor.py --fix`: nothing is lost, and what comes out is checked."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import open_split
from deeplab_tf.data.folder_repair import KEPT, repair_folder
from deeplab_tf.data.paths import DataError
from tests.data.fakes import make_voc_folder
from tests.tools.loading import call

LABELS = "SegmentationClass"


@pytest.fixture
def data(tmp_path):
    """Five masks of 0 and 255; the last one is a row short."""
    folder = make_voc_folder(tmp_path / "data", num_classes=2)
    for path in sorted((folder / LABELS).iterdir()):
        mask = 255 * (np.array(Image.open(path)) == 1).astype(np.uint8)
        Image.fromarray(mask[: -1 if path.stem == "pic_4" else None]).save(path)
    return folder


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def masks(folder):
    return [np.array(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def test_a_new_folder_has_the_whole_data_set(data, tmp_path):
    before, images = contents(data), masks(data / LABELS)
    repair = repair_folder(data, tmp_path / "new")
    assert contents(data) == before
    assert {path.as_posix() for path in contents(tmp_path / "new")} == {
        *(path.as_posix() for path in before), "fixes.json",
    }  # fmt: skip
    for mask, ids in zip(images, masks(tmp_path / "new" / LABELS), strict=True):
        np.testing.assert_array_equal(ids, mask // 255)
    assert len(repair.done) == repair.labels == 5
    (problem,) = repair.problems
    assert f"new/{LABELS}/pic_4.png: the label is (19, 30)" in problem
    open_split(tmp_path / "new", "val").check()
    record = json.loads((tmp_path / "new/fixes.json").read_text())
    assert record["done"] == repair.done and record["data_set"] == str(data)


def test_in_place_originals_are_kept(data, tmp_path):
    before, images = contents(data), masks(data / LABELS)
    repair_folder(data, tmp_path / "record", in_place=True)
    after = contents(data)
    for path, content in before.items():
        is_label = path.parts[0] == LABELS
        kept = Path(LABELS + KEPT) / path.name if is_label else path
        assert after[kept] == content
    for mask, ids in zip(images, masks(data / LABELS), strict=True):
        np.testing.assert_array_equal(ids, mask // 255)
    assert repair_folder(data, tmp_path / "record", in_place=True).done == {}


def test_in_place_goes_on_after_a_kill(data, tmp_path, monkeypatch):
    before, write = masks(data / LABELS), os.replace
    replaced = []

    def killed(source, target):
        replaced.append(target)
        if len(replaced) == 8:  # five originals, then labels
            raise KeyboardInterrupt
        write(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        repair_folder(data, tmp_path / "record", in_place=True)
    monkeypatch.setattr(os, "replace", write)
    assert len(repair_folder(data, tmp_path / "record", in_place=True).done) == 3
    for mask, ids in zip(before, masks(data / LABELS), strict=True):
        np.testing.assert_array_equal(ids, mask // 255)


def test_an_original_is_never_replaced(data, tmp_path):
    kept = data / f"{LABELS}{KEPT}" / "pic_0.png"
    kept.parent.mkdir()
    Image.fromarray(np.full([2, 2], 255, np.uint8)).save(kept)
    before = contents(data)
    with pytest.raises(ValueError, match=r"pic_0\.png: the original of an earlier run is there"):
        repair_folder(data, tmp_path / "record", in_place=True)
    assert contents(data) == before


def test_nothing_is_written_where_nothing_is_to_do(tmp_path):
    data = make_voc_folder(tmp_path / "data")
    repair = repair_folder(data, tmp_path / "new")
    assert (repair.done, repair.left, repair.problems) == ({}, {}, [])
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_a_new_folder(data, tmp_path):
    with pytest.raises(ValueError, match="data: is not empty"):
        repair_folder(data, data)
    (data / "ImageSets/Segmentation/val.txt").unlink()
    (data / "ImageSets/Segmentation/train.txt").unlink()
    with pytest.raises(DataError, match="no lists"):
        repair_folder(data, tmp_path / "new")


def test_the_program(data, tmp_path, capsys):
    (data / LABELS / "pic_1.png").write_bytes(b"no PNG")
    command = ["doctor.py", f"--data_dir={data}", f"--output={tmp_path}/new"]
    with pytest.raises(ValueError, match="--in_place belongs to --fix"):
        call(*command, "--in_place")
    assert call(*command, "--fix") == 1
    told, complaint = capsys.readouterr()
    assert f"{LABELS}/pic_0.png: 0 and 255 became the ids 0 and 1\n" in told
    assert f"{LABELS}/pic_1.png: left as it is: not a PNG file; labels must be PNG.\n" in told
    assert f"4 of 5 labels rewritten: {tmp_path}/new\n" in told
    assert "error: " in complaint and "pic_4.png: the label is (19, 30)" in complaint
