import hashlib
import multiprocessing

import pytest

from deeplab_tf.pretrained import download as module
from deeplab_tf.pretrained.download import DownloadError, download
from tests.pretrained.faulty_server import CONTENT, FaultyServer

SIZE, SHA256 = len(CONTENT), hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUTS", (0.5, 0.5))
    monkeypatch.setattr(module, "WAITS", (0.0, 0.0))
    with FaultyServer().running() as running:
        yield running


def fetch(urls, folder):
    return download(urls, folder / "cache" / "net.weights.h5", SIZE, SHA256)


def part_of(folder):
    parts = list(folder.glob("cache/*.part"))
    assert len(parts) <= 1
    return parts[0] if parts else None


@pytest.mark.parametrize("fault", ["none", "cut", "stalls", "busy", "no_ranges", "slow"])
def test_the_whole_file_arrives(server, tmp_path, fault):
    path = fetch([server.url(fault)], tmp_path)
    assert path.read_bytes() == CONTENT
    assert part_of(tmp_path) is None


def test_it_goes_on_where_it_was_cut_off(server, tmp_path):
    fetch([server.url("cut")], tmp_path)
    starts = [start for _, start in server.requests]
    assert len(starts) == 4 and starts == sorted(set(starts))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("lies", "gives another file"),
        ("longer", f"gives a file of {SIZE + 4} bytes instead of {SIZE}"),
        ("endless", "gives another file"),
        ("other_range", "another range of bytes"),
        ("missing", "answers 404 Not Found"),
    ],
)
def test_what_is_not_the_file_leaves_nothing(server, tmp_path, fault, reason):
    with pytest.raises(DownloadError, match=reason):
        fetch([server.url(fault)], tmp_path)
    assert part_of(tmp_path) is None
    assert not list(tmp_path.rglob("net.weights.h5"))
    assert len(server.requests) == 1  # trying again would change nothing


def test_a_part_is_kept_for_the_next_call(server, tmp_path):
    with pytest.raises(DownloadError, match="breaks off before the end"):
        fetch([server.url("cut_always")], tmp_path)
    had = part_of(tmp_path).stat().st_size
    assert 0 < had < SIZE
    server.requests.clear()
    assert fetch([server.url("none")], tmp_path).read_bytes() == CONTENT
    assert server.requests == [("none", had)]


def test_a_part_with_wrong_bytes_is_fetched_anew(server, tmp_path):
    with pytest.raises(DownloadError):
        fetch([server.url("cut_always")], tmp_path)
    part = part_of(tmp_path)
    part.write_bytes(bytes(part.stat().st_size))
    assert fetch([server.url("none")], tmp_path).read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(server, tmp_path):
    with pytest.raises(DownloadError):
        fetch([server.url("cut_always")], tmp_path)
    assert fetch([server.url("no_ranges")], tmp_path).read_bytes() == CONTENT


def test_the_next_address_is_taken(server, tmp_path):
    urls = [server.url("missing"), server.url("lies"), server.url("none")]
    assert fetch(urls, tmp_path).read_bytes() == CONTENT


def test_all_addresses_are_named_with_what_they_did(server, tmp_path):
    server.release.set()  # a stalled answer ends with the connection
    missing, gone = server.url("missing"), "http://127.0.0.1:9/net"
    with pytest.raises(DownloadError) as error:
        fetch([missing, gone], tmp_path)
    assert str(error.value) == f"{missing}: answers 404 Not Found; {gone}: no connection"


def test_a_server_that_never_goes_on_is_given_up(server, tmp_path):
    with pytest.raises(DownloadError, match="does not answer in time"):
        fetch([server.url("stalls_always")], tmp_path)


def test_without_an_address(tmp_path):
    with pytest.raises(DownloadError, match="no address of it is known"):
        fetch([], tmp_path)


def _fetch_in_process(url, folder):
    fetch([url], folder)


def test_of_several_processes_one_downloads(server, tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_fetch_in_process, args=(server.url("slow"), tmp_path))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "cache" / "net.weights.h5").read_bytes() == CONTENT
    assert server.requests == [("slow", 0)]


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(OSError, match="cannot be written") as error:
        fetch([server.url("none")], tmp_path)
    assert error.value.filename == str(tmp_path / "cache" / "net.weights.h5")
