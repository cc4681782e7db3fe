import collections
import os
import pickle
import re
import struct

import numpy as np
import pytest

from deeplab_tf.weights.npy_file import read_layers
from tests.weights.hostile_pickles import Runs

RNG = np.random.default_rng(0)
LAYERS = {
    "conv1": {"weights": RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)},
    "bn_conv1": {"mean": RNG.normal(size=4), "turned": np.arange(6.0).reshape(2, 3).T},
    "conv1_1": [np.arange(6, dtype=">f4").reshape(2, 3), np.float16([1, 2])],
}
HEADER = "{'descr': '|O', 'fortran_order': False, 'shape': (), }"


def npy(content, header=HEADER):
    """The bytes of a .npy file with a pickle in it."""
    header = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def pickled(value, protocol=2):
    """A pickle of an array of one object, as numpy.save writes it."""
    array = np.empty((), object)
    array[()] = value
    return pickle.dumps(array, protocol)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.npy"


def assert_layers(layers):
    assert list(layers) == list(LAYERS)
    wanted = {**LAYERS, "conv1_1": dict(zip(("weights", "biases"), LAYERS["conv1_1"], strict=True))}
    for name, parts in wanted.items():
        assert list(layers[name]) == list(parts)
        for part, array in parts.items():
            assert layers[name][part].dtype == np.float32
            np.testing.assert_array_equal(layers[name][part], array.astype(np.float32))


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict])
def test_a_dict_that_numpy_saved(path, kind):
    np.save(path, kind(LAYERS), allow_pickle=True)
    assert_layers(read_layers(path))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_protocols_of_numpy_old_and_new(path, protocol):
    path.write_bytes(npy(pickled(LAYERS, protocol)))
    assert_layers(read_layers(path))


def test_a_file_of_python_2_whose_bytes_are_text(path):
    # {"a": {"b": array([1, 258], "<i2")}} as protocol 2 of Python 2 has it.
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K\x02\x85cnumpy\ndtype\n(U\x02i2K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x04\x01\x00\x02\x01tb"
    )
    path.write_bytes(npy(b"\x80\x02}U\x01a}U\x01b" + array + b"ss."))
    np.testing.assert_array_equal(read_layers(path)["a"]["b"], [1, 258])


# === What is damaged, or made to do harm ===


def refusal(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read as a .npy")) as error:
        read_layers(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_shortened_file_is_refused_by_name(path):
    content = npy(pickled(LAYERS))
    for size in range(0, len(content) - 1, 7):
        refusal(path, content[:size])


def test_a_changed_byte_is_no_traceback(path):
    content = npy(pickled(LAYERS))
    for place in RNG.integers(0, len(content), 500):
        changed = bytearray(content)
        changed[place] = RNG.integers(256)
        path.write_bytes(changed)
        try:
            read_layers(path)
        except ValueError as error:
            assert "net.npy" in str(error)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(os.system, ("touch ran",)), (eval, ("open('ran', 'w')",)), (os.mkdir, ("ran",))],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_not_run(path, tmp_path, monkeypatch, function, arguments, protocol):
    monkeypatch.chdir(tmp_path)
    line = refusal(path, npy(pickle.dumps({"a": Runs(function, *arguments)}, protocol)))
    assert re.search(rf"asks for \w+\.{function.__name__}, which arrays do not need and", line)
    assert not (tmp_path / "ran").exists()


def test_an_array_larger_than_its_numbers_is_refused(path):
    # `_reconstruct` with a shape would allocate it before any number is read.
    content = pickled({"a": {"b": np.zeros(3, np.float32)}}).replace(b"K\x03\x85", b"Jxxxx\x85", 1)
    assert "cannot reshape" in refusal(
        path, npy(content.replace(b"xxxx", struct.pack("<i", 2**30)))
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2], "it holds a list, not a dict of layers"),
        ({"a": 3}, "its layer 'a' holds something else than arrays"),
        ({"a": {"b": "text"}}, "its layer 'a' holds something else than arrays"),
        ({"a": [np.ones(1)] * 3}, "its layer 'a' holds something else than arrays"),
        ({"a": {"b": np.array([None])}}, "a/b: holds O8, not numbers"),
        ({"a": {"b": np.array(["x"])}}, "a/b: holds U1, not numbers"),
        ({"a": {"b": np.ones(1, complex)}}, "a/b: holds c16, not numbers"),
    ],
)
def test_other_values_are_refused(path, value, reason):
    assert reason in refusal(path, npy(pickled(value)))


@pytest.mark.parametrize("value", [{}, {"a": {}}])
def test_a_file_without_arrays_is_refused(path, value):
    path.write_bytes(npy(pickled(value)))
    with pytest.raises(ValueError, match=r"net\.npy holds no arrays by layer"):
        read_layers(path)


def test_other_files_are_refused(path, tmp_path):
    np.save(path, np.ones(3))
    assert "it holds an array of float64 (3,), not a dict of layers" in refusal(
        path, path.read_bytes()
    )
    refusal(path, b"no array")
    refusal(path, b"\x93NUMPY\x09\x00")
    with pytest.raises(ValueError, match=re.escape(f"weights file not found: {tmp_path}")):
        read_layers(tmp_path)


def test_numbers_that_are_shown_again_and_again_are_not_unpacked(path):
    array = np.zeros(2**16, np.float32)
    value = {str(i): {"a": array} for i in range(2000)}
    assert "more than 100 times as many are not unpacked" in refusal(path, npy(pickled(value)))
