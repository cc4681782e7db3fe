import os
import pickle

import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam.image_ref import ImageRef
from deeplab_tf.evaluation.beam.listed_images import ListedImages


def write_list(folder, *lines, end="\n"):
    file = folder / "list.txt"
    file.write_bytes(b"".join((x if isinstance(x, bytes) else x.encode()) + end.encode()
                              for x in lines))  # fmt: skip
    return str(file)


def refs(images):
    return list(images.part(0, len(images.names)))


def test_paths_are_below_the_folder_of_the_list_unless_they_are_absolute(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    listed = ("a.jpg", "deep/b.jpg", "../other/c.jpg", "~/d.jpg", "/e.jpg", "gs://bucket/f.jpg")
    images = ListedImages(write_list(tmp_path, *listed))
    parent = os.path.dirname(tmp_path)
    assert [ref.path for ref in refs(images)] == [
        f"{tmp_path}/a.jpg", f"{tmp_path}/deep/b.jpg", f"{parent}/other/c.jpg", "/home/me/d.jpg",
        "/e.jpg", "gs://bucket/f.jpg",
    ]  # fmt: skip


def test_names_are_below_the_folder_that_holds_all(tmp_path):
    images = ListedImages(write_list(tmp_path, "x/a/1.jpg", "x/b/1.jpg", "x/2.jpg"))
    assert images.names == ["a/1.jpg", "b/1.jpg", "2.jpg"]
    assert [ref.name for ref in refs(images)] == images.names


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_part_has_its_lines_only(tmp_path, end):
    lines = ["", "a.jpg", "  ", " b c.jpg ", "d.jpg", "", "e.jpg", "f.jpg"]
    images = ListedImages(write_list(tmp_path, *lines, end=end))
    assert images.names == ["a.jpg", "b c.jpg", "d.jpg", "e.jpg", "f.jpg"]
    for start in range(5):
        for stop in range(start + 1, 6):
            part = pickle.loads(pickle.dumps(images.part(start, stop)))
            assert [ref.name for ref in part] == images.names[start:stop]


def test_a_mark_at_the_start_and_no_end_of_the_last_line(tmp_path):
    file = tmp_path / "list.txt"
    file.write_bytes(b"\xef\xbb\xbfa.jpg\nb.jpg")
    images = ListedImages(str(file))
    assert [ref.name for ref in images.part(0, 1)] == ["a.jpg"]
    assert images.names == ["a.jpg", "b.jpg"]


def test_names_that_are_not_utf8_are_those_of_the_disk(tmp_path):
    (tmp_path / os.fsdecode(b"\xe9.jpg")).write_bytes(b"x")
    (ref,) = refs(ListedImages(write_list(tmp_path, b"\xe9.jpg")))
    assert os.path.exists(ref.path) and ref == ImageRef(ref.path, os.fsdecode(b"\xe9.jpg"))


def test_lists_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt: cannot be read \(No such file"):
        ListedImages(str(tmp_path / "none.txt"))
    with pytest.raises(DataError, match=r"list\.txt: no images; the list is empty"):
        ListedImages(write_list(tmp_path, "", "  "))
    (tmp_path / "list.txt").write_text("a.jpg\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"list\.txt: UTF-16; write the list in UTF-8"):
        ListedImages(str(tmp_path / "list.txt"))
