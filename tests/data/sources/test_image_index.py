import unicodedata
import zlib
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.sources.image_index import (
    ImageIndex,
    example_name,
    files_below,
    split_and_name,
    split_of,
    upright_size,
)
from deeplab_tf.data.spec import DataError
from tests.data.fakes import png_bytes


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def found(folder, name, near="x.json"):
    path = ImageIndex(folder).find(name, folder / near)
    return path and path.relative_to(folder).as_posix()


def test_images_are_found_by_the_end_of_their_path(tmp_path):
    make(tmp_path, "a/1.jpg", "b/1.jpg", "b/c/1.jpg", "2.PNG", "3.txt")
    assert found(tmp_path, "/home/me/b/1.jpg") == "b/1.jpg"
    assert found(tmp_path, "D:\\data\\b\\c\\1.jpg") == "b/c/1.jpg"
    assert found(tmp_path, "../a/1.jpg", "b/c/x.json") == "a/1.jpg"
    assert found(tmp_path, "1.jpg", "b/c/x.json") == "b/c/1.jpg"
    assert found(tmp_path, "2.PNG", "b/x.json") == "2.PNG"
    for name in ("3.txt", "4.jpg", "", "..", "/"):
        assert found(tmp_path, name) is None


def test_of_several_images_none_is_guessed(tmp_path):
    make(tmp_path, "a/1.jpg", "b/1.jpg", "labels/x.json", "val2017/2.jpg", "train/2.jpg")
    assert found(tmp_path, "1.jpg", "labels/x.json") is None
    assert found(tmp_path, "c/1.jpg", "labels/x.json") is None
    assert found(tmp_path, "a/1.jpg", "labels/x.json") == "a/1.jpg"
    for split, wanted in (("val", "val2017/2.jpg"), ("train", "train/2.jpg"), ("test", None)):
        path = ImageIndex(tmp_path).find("2.jpg", tmp_path / "labels/x.json", split)
        assert path == (wanted and tmp_path / wanted)


def test_names_are_the_same_however_their_letters_are_composed(tmp_path):
    name = "Größe é.jpg"
    make(tmp_path, unicodedata.normalize("NFD", name))
    assert found(tmp_path, unicodedata.normalize("NFC", name)) is not None


def test_hidden_files_are_none(tmp_path):
    make(tmp_path, "a.jpg", "._a.jpg", "__MACOSX/a.jpg", ".ipynb_checkpoints/a.jpg", "b.txt")
    assert files_below(tmp_path) == [tmp_path / "a.jpg", tmp_path / "b.txt"]
    assert files_below(tmp_path, ".jpg") == [tmp_path / "a.jpg"]


def test_the_image_beside_a_file(tmp_path):
    make(tmp_path, "a/1.JPEG", "b/1.png")
    index = ImageIndex(tmp_path)
    assert index.of_stem(tmp_path / "a/1.json") == tmp_path / "a/1.JPEG"
    assert index.of_stem(tmp_path / "1.json") is None


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.jpg", "a"),
        ("C:\\b\\a.v2.jpg", "b/a.v2"),
        ("/b/a.jpg", "b/a"),
        ("../.././a", "a"),
        ("", ""),
    ],
)
def test_names_of_examples(name, wanted):
    assert example_name(name) == wanted


def test_splits():
    assert split_and_name(PurePosixPath("train/a.jpg")) == ("train", "a")
    assert split_and_name(PurePosixPath("Testing/b/a.jpg")) == ("test", "b/a")
    assert split_and_name(PurePosixPath("train.jpg")) == ("train", "train")
    assert split_and_name(PurePosixPath("b/val/a.jpg")) == ("train", "b/val/a")
    assert split_of("instances_val2017") == "val" and split_of("Valid") == "val"
    assert split_of("restrain") is None


def test_sizes_are_those_of_the_image_as_it_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (30, 20)).save(tmp_path / "b.jpg")
    assert upright_size(tmp_path / "a.jpg") == (30, 20)
    assert upright_size(tmp_path / "b.jpg") == (20, 30)
    for name in ("c.jpg", "d.jpg"):
        (tmp_path / "d.jpg").write_bytes(b"x")
        with pytest.raises(DataError, match=rf"{name}: cannot be read"):
            upright_size(tmp_path / name)


def test_an_image_of_a_size_that_no_image_has(tmp_path):
    header = png_bytes(np.zeros([1, 1], np.uint8), 8, 0)
    huge = header[:16] + (60000).to_bytes(4, "big") * 2 + header[24:]
    huge = huge[:29] + zlib.crc32(huge[12:29]).to_bytes(4, "big") + huge[33:]
    (tmp_path / "a.png").write_bytes(huge)
    with pytest.raises(DataError, match=r"a\.png: cannot be read"):
        upright_size(tmp_path / "a.png")
