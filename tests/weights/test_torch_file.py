import io
import os
import pickle
import re
import struct
import zipfile

import numpy as np
import pytest

from deeplab_tf.weights.torch_file import read_tensors
from tests.weights.hostile_pickles import Runs
from tests.weights.torch_files import STATE_DICT, torch_files


@pytest.fixture(params=["zip", "legacy"])
def layout(request):
    return request.param


@pytest.fixture
def content(layout):
    return torch_files()[layout]


def test_state_dict_of_a_file_of_pytorch(tmp_path, content):
    (tmp_path / "net.pth").write_bytes(content)
    arrays = read_tensors(tmp_path / "net.pth")
    assert list(arrays) == list(STATE_DICT)  # without "module.", the epoch and the optimizer's
    for name, wanted in STATE_DICT.items():
        assert arrays[name].shape == wanted.shape
        np.testing.assert_array_equal(arrays[name].astype(wanted.dtype), wanted)
    assert arrays["half"].dtype == np.float16 and arrays["brain"].dtype.name == "bfloat16"


def test_every_shortened_file_is_refused_by_name(tmp_path, content):
    for size in range(0, len(content) - 1, 37):
        (tmp_path / "net.pth").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"net\.pth cannot be read as a file of torch\.save"):
            read_tensors(tmp_path / "net.pth")


def test_a_changed_byte_is_no_traceback(tmp_path, content):
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 300):
        changed = bytearray(content)
        changed[place] = rng.integers(256)
        (tmp_path / "net.pth").write_bytes(changed)
        try:
            read_tensors(tmp_path / "net.pth")
        except ValueError as error:
            assert "net.pth" in str(error)


def dumps(value):
    return pickle.dumps(value, protocol=2)


def write_zip(path, pickled, storage=bytes(24), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("net/data.pkl", pickled)
        archive.writestr("net/data/0", storage)


@pytest.mark.parametrize(
    "function, arguments",
    [(os.system, ("touch ran",)), (eval, ("open('ran', 'w')",)), (os.mkdir, ("ran",))],
)
@pytest.mark.parametrize("depth", ["outermost", "inside"])
def test_code_is_not_run(tmp_path, monkeypatch, function, arguments, depth):
    monkeypatch.chdir(tmp_path)
    value = Runs(function, *arguments)
    pickled = dumps(value if depth == "outermost" else {"state_dict": {"a": value}})
    write_zip("zipped.pt", pickled)
    magic = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    (tmp_path / "legacy.pt").write_bytes(b"".join(map(dumps, magic)) + pickled)
    for name in ("zipped.pt", "legacy.pt"):
        wanted = rf"{name} .* asks for \w+\.{function.__name__}, which .* is not run; save"
        with pytest.raises(ValueError, match=wanted):
            read_tensors(name)
    assert not (tmp_path / "ran").exists()


def tensor_pickle(offset, shape, strides, count=6):
    """A state dict of one float32 tensor on storage 0, by the names that PyTorch uses."""
    out = io.BytesIO()
    out.write(b"}(X\x01\x00\x00\x00a")  # EMPTY_DICT, MARK, "a"
    out.write(b"ctorch._utils\n_rebuild_tensor_v2\n(")
    out.write(
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    )
    out.write(_int(count) + b"tQ" + _int(offset))
    for numbers in (shape, strides):
        out.write(b"(" + b"".join(map(_int, numbers)) + b"t")
    out.write(b"\x89NtRu.")  # requires_grad, no hooks
    return out.getvalue()


def _int(number):
    return b"\x8a\x09" + struct.pack("<q", number) + (b"\xff" if number < 0 else b"\x00")


def test_a_window_on_a_storage(tmp_path):
    storage = np.arange(6, dtype="<f4").tobytes()
    write_zip(tmp_path / "net.pt", tensor_pickle(1, (2, 2), (3, 1)), storage)
    np.testing.assert_array_equal(read_tensors(tmp_path / "net.pt")["a"], [[1, 2], [4, 5]])


@pytest.mark.parametrize(
    "offset, shape, strides",
    [
        (0, (7,), (1,)),  # longer than the storage
        (-1, (2,), (1,)),
        (5, (2,), (1,)),
        (3, (2,), (-1,)),
        (0, (2, 2), (5, 1)),
        (0, (1000, 1000), (0, 0)),  # one number shown a million times
        (0, (2**40,), (0,)),
    ],
)
def test_a_window_outside_its_storage_is_refused(tmp_path, offset, shape, strides):
    write_zip(tmp_path / "net.pt", tensor_pickle(offset, shape, strides))
    with pytest.raises(ValueError, match=r"net\.pt .*(not within its storage|times as many)"):
        read_tensors(tmp_path / "net.pt")


def test_numbers_of_a_big_endian_machine_are_refused(tmp_path):
    path = tmp_path / "net.pt"
    write_zip(path, tensor_pickle(0, (2,), (1,)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("net/byteorder", "big")
    header = (dumps(0x1950A86A20F9469CFC6C), dumps(1001), dumps({"little_endian": False}))
    (tmp_path / "legacy.pt").write_bytes(b"".join(header))
    for file in (path, tmp_path / "legacy.pt"):
        with pytest.raises(ValueError, match=rf"{file.name}.*big-endian"):
            read_tensors(file)


def test_a_tensor_without_a_storage_is_refused(tmp_path):
    pickled = tensor_pickle(0, (2,), (1,))
    begin, end = pickled.index(b"(X\x07"), pickled.index(b"tQ") + 2
    write_zip(tmp_path / "net.pt", pickled[:begin] + _int(3) + pickled[end:])
    with pytest.raises(ValueError, match="a tensor has no storage"):
        read_tensors(tmp_path / "net.pt")


def test_a_storage_of_another_length_is_refused(tmp_path):
    write_zip(tmp_path / "net.pt", tensor_pickle(0, (5,), (1,), count=5))
    with pytest.raises(ValueError, match="larger than 20 bytes"):
        read_tensors(tmp_path / "net.pt")
    write_zip(tmp_path / "net.pt", tensor_pickle(0, (5,), (1,), count=10**9))
    with pytest.raises(ValueError, match="not within its storage"):
        read_tensors(tmp_path / "net.pt")


def test_a_compressed_archive_is_not_unpacked(tmp_path):
    write_zip(tmp_path / "net.pt", tensor_pickle(0, (6,), (1,)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        read_tensors(tmp_path / "net.pt")


@pytest.mark.parametrize(
    "pickled",
    [
        pickle.dumps(bytearray(3), protocol=5),  # BYTEARRAY8 allocates what it declares
        b"\x80\x02}r\xff\xff\xff\x7f.",  # so does the memo's place 2^31 - 1
        pickle.dumps(2**3000, protocol=2),
    ],
)
def test_opcodes_of_other_pickles_are_refused(tmp_path, pickled):
    write_zip(tmp_path / "net.pt", pickled)
    with pytest.raises(ValueError, match=r"net\.pt .* torch\.save does not write by default"):
        read_tensors(tmp_path / "net.pt")


@pytest.mark.parametrize("value", [{"epoch": 3}, [1, 2], {"a": {"b": 2}}, "text"])
def test_a_file_without_tensors_is_refused(tmp_path, value):
    write_zip(tmp_path / "net.pt", dumps(value))
    with pytest.raises(ValueError, match=r"holds no tensors by name: save model\.state_dict"):
        read_tensors(tmp_path / "net.pt")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=re.escape(f"weights file not found: {tmp_path}")):
        read_tensors(tmp_path)
    (tmp_path / "net.pt").write_bytes(b"no pickle")
    with pytest.raises(ValueError, match=r"cannot be read as a file of torch\.save"):
        read_tensors(tmp_path / "net.pt")
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("readme.txt", "no weights")
    with pytest.raises(ValueError, match=r"the archive has no data\.pkl"):
        read_tensors(tmp_path / "net.pt")
