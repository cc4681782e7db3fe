import os
from pathlib import Path

import pytest

from deeplab_tf.data.image_files import all_files, choose_images, describe_left_out, scan_folder


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    images = (
        "a.JPG",
        "b.tif",
        "sub/c.WebP",
        "sub/d.heic",
        "e.bmp",
        "f.GIF",
        "g.jpeg",
        "sub.v1/h.png",
    )
    junk = (".ipynb_checkpoints/a.jpg", "__MACOSX/a.jpg", "._a.JPG", "Thumbs.db", "@eaDir/a.jpg")
    other = ("notes.txt", "sub/movie.mp4")
    touch(*(root / name for name in (*images, *junk, *other)))
    return root, images, junk, other


def names(paths, root):
    return sorted(Path(path).relative_to(root).as_posix() for path in paths)


def test_images_are_taken_and_all_else_is_counted_and_named(folder):
    root, images, junk, other = folder
    found = scan_folder(root)
    assert names(found.images, root) == sorted(images)
    tops = {name.split("/")[0] for name in junk}
    assert names((lost.path for lost in found.left_out), root) == sorted({*tops, *other})
    text = describe_left_out(found.left_out, root)
    assert text.startswith("left out: ") and "2 no image (notes.txt, sub/movie.mp4)" in text
    assert "5 hidden or of the system (._a.JPG, .ipynb_checkpoints, @eaDir and 2 more)" in text
    assert describe_left_out([], root) is None
    assert names(all_files(root), root) == sorted((*images, *other))


def test_linked_folders_are_entered_and_loops_are_noticed(folder, tmp_path):
    root, images, *_ = folder
    touch(tmp_path / "disk/x.jpg")
    (root / "linked").symlink_to(tmp_path / "disk")
    (root / "again").symlink_to(tmp_path / "disk")  # twice is no loop
    (tmp_path / "disk/up").symlink_to(root)
    (root / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = scan_folder(root)
    assert names(found.images, root) == sorted([*images, "linked/x.jpg", "again/x.jpg"])
    reasons = {lost.path.relative_to(root).as_posix(): lost.reason for lost in found.left_out}
    assert reasons["linked/up"] == reasons["again/up"] == "a link back to a folder above"
    assert reasons["broken.jpg"] == "no image"


def test_patterns_follow_the_same_rules(folder):
    root, *_ = folder
    (root / "sub/up").symlink_to(root)
    paths = [root / name for name in ("a.JPG", "._a.JPG", "notes.txt", "__MACOSX/a.jpg", "sub",
                                      "sub/up/b.tif")]  # fmt: skip
    found = choose_images(paths, root)
    assert names(found.images, root) == ["a.JPG"]
    assert names((lost.path for lost in found.left_out), root) == [
        "._a.JPG", "__MACOSX/a.jpg", "notes.txt", "sub/up/b.tif",
    ]  # fmt: skip


def test_a_folder_that_may_not_be_read_is_named(folder, monkeypatch):
    root, images, *_ = folder
    scan = os.scandir

    def refused(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = scan_folder(root)
    assert names(found.images, root) == sorted(n for n in images if not n.startswith("sub/"))
    assert [lost.path.name for lost in found.left_out if lost.reason == "not readable"] == ["sub"]
