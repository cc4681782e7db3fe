import asyncio
import os

import pytest

from deeplab_tf.demo import uploads
from deeplab_tf.demo.uploaded_image import MAX_BYTES
from deeplab_tf.demo.uploads import UploadLimit, Uploads

MB = 2**20


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


def store(folder, number, size):
    """Puts an upload where Gradio does, each older than the next one."""
    path = folder / f"hash{number}" / f"{number}.png"
    path.parent.mkdir()
    path.write_bytes(bytes(size))
    os.utime(path, (number, number))
    return path


def kept(folder):
    return sorted(path.name for path in folder.rglob("*.png"))


def test_only_paths_within_are_uploads(folder):
    held = Uploads(folder)
    upload, other = store(folder, 1, 3), folder.parent / "other.png"
    (folder / "link.png").symlink_to(other)
    assert held.holds(str(upload))
    for path in (None, other, folder, folder / "../other.png", folder / "link.png", "http://a/b"):
        assert not held.holds(path)


def test_the_oldest_go_first(folder):
    for number in range(1, 5):
        store(folder, number, 2 * MB)
    held = Uploads(folder, limit=8 * MB)
    assert held.reserve(3 * MB)
    assert kept(folder) == ["3.png", "4.png"]
    held.release(3 * MB)


def test_many_small_ones_have_a_limit_too(folder):
    for number in range(1, 20):
        store(folder, number, 1)
    assert Uploads(folder, limit=8 * MB).reserve(1)
    assert kept(folder) == [f"{number}.png" for number in range(13, 20)]


def test_those_under_way_count(folder):
    held = Uploads(folder, limit=8 * MB)
    assert held.reserve(5 * MB) and not held.reserve(4 * MB) and held.reserve(3 * MB)
    held.release(5 * MB)
    assert held.reserve(4 * MB)


def test_empty_folders_go_once_they_are_old(folder, monkeypatch):
    store(folder, 1, 1).unlink()
    held = Uploads(folder)
    assert held.reserve(1) and (folder / "hash1").exists()
    monkeypatch.setattr(uploads, "_FILLED_SECONDS", -1)
    assert held.reserve(1) and not (folder / "hash1").exists() and folder.exists()


def status_of(limit, path="/gradio_api/upload", method="POST", **headers):
    """Returns the status of a request, 200 where the server behind gives it."""

    async def server(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    sent = []
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": pairs}
    asyncio.run(UploadLimit(server, limit)(scope, receive, send))
    return sent[0]["status"]


def test_requests_are_bounded(folder):
    limit = Uploads(folder, limit=40 * MB)
    assert status_of(limit, content_length=str(MAX_BYTES)) == 200
    assert status_of(limit, content_length=str(2 * MAX_BYTES)) == 413
    assert status_of(limit, "/gradio_api/queue/join", content_length=str(2 * MAX_BYTES)) == 413
    assert status_of(limit, transfer_encoding="chunked") == 411
    assert status_of(limit, "/", method="GET") == 200


def test_too_many_at_once_are_told_to_wait(folder):
    limit = Uploads(folder, limit=40 * MB)
    assert limit.reserve(20 * MB)
    assert status_of(limit, "/demo/gradio_api/upload/", content_length=str(30 * MB)) == 503
    assert status_of(limit, content_length=str(10 * MB)) == 200  # and its room is free again:
    assert status_of(limit, content_length=str(20 * MB)) == 200
