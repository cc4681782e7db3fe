import shutil
from pathlib import Path

import pytest

from deeplab_tf.pretrained import download, find_weights
from deeplab_tf.pretrained.find_weights import cache_folder
from deeplab_tf.pretrained.zoo_files import zoo_weights
from tests.pretrained.faulty_server import FaultyServer
from tests.pretrained.tiny_zoo import NAME, make_zoo

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture
def preset(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WAITS", ())
    return make_zoo(tmp_path, monkeypatch)[1]


@pytest.fixture
def packed(preset):
    return zoo_weights(NAME)


def test_the_package_comes_first(preset, packed):
    assert find_weights.find_weights(preset) == packed


def test_then_the_folder_of_downloads(preset, packed, tmp_path):
    (tmp_path / "home").mkdir()
    cached = shutil.move(packed, tmp_path / "home")
    assert find_weights.find_weights(preset) == Path(cached)


@pytest.mark.parametrize("damage", [b"", b"\0"])
def test_a_damaged_file_is_not_taken_but_downloaded_anew(
    preset, packed, tmp_path, monkeypatch, damage
):
    content = packed.read_bytes()
    packed.write_bytes(content[:-1] + damage)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / packed.name).write_bytes(content[:-1] + damage)
    with FaultyServer(content).running() as server:
        monkeypatch.setenv("DEEPLAB_TF_WEIGHTS_URL", server.url("none/"))
        found = find_weights.find_weights(preset)
    assert found == tmp_path / "home" / packed.name
    assert found.read_bytes() == content
    assert server.requests == [(f"none/{packed.name}", 0)]


def test_the_presets_own_address(preset, packed):
    content = packed.read_bytes()
    packed.unlink()
    with FaultyServer(content).running() as server:
        found = find_weights.find_weights(preset._replace(urls=(server.url("none"),)))
    assert found.read_bytes() == content


def test_offline_the_message_says_where_to_put_the_file(preset, packed, tmp_path):
    packed.unlink()
    url = "http://127.0.0.1:9/tiny.weights.h5"
    with pytest.raises(ValueError, match=f"{url}: no connection") as error:
        find_weights.find_weights(preset._replace(urls=(url,)))
    message = str(error.value)
    assert str(tmp_path / "home" / "tiny.weights.h5") in message
    assert preset.sha256 in message and str(preset.size) in message
    assert "DEEPLAB_TF_WEIGHTS_URL" in message


def test_the_cache_of_the_platform(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("DEEPLAB_TF_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/me/.cache/deeplab_tf")
    monkeypatch.setenv("XDG_CACHE_HOME", "/tmp/cache")
    assert cache_folder() == Path("/tmp/cache/deeplab_tf")
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path("/home/me/Library/Caches/deeplab_tf")
    monkeypatch.setenv("DEEPLAB_TF_HOME", "~/weights")
    assert cache_folder() == Path("/home/me/weights")
