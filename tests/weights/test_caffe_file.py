import os
import re
import struct

import numpy as np
import pytest

from deeplab_tf.weights.caffe_file import read_layers
from tests.weights.caffe_files import (
    caffemodel,
    message,
    new_blob,
    new_layer,
    old_layer,
    varint,
    whole_number,
)
from tests.weights.caffe_nets import large_fov

KERNEL = np.arange(24, dtype=np.float32).reshape(4, 3, 2, 1)
BIAS = np.array([0.5, -2, 3, 4], np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.caffemodel"


def read(path, *parts):
    path.write_bytes(b"".join(parts))
    return read_layers(path)


@pytest.mark.parametrize("form", [new_layer, old_layer])
def test_layers_of_either_form(path, form):
    layers = read(path, message(1, "net"), form("relu", "ReLU"),
                  form("conv", "Convolution", [KERNEL, BIAS]))  # fmt: skip
    assert [(layer.name, layer.kind) for layer in layers] == [("conv", "Convolution")]
    kernel, bias = layers[0].blobs
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(bias.ravel(), BIAS)
    assert bias.shape == ((4,) if form is new_layer else (1, 1, 1, 4))


def test_doubles_and_numbers_in_several_pieces(path):
    def in_pieces(array):
        dims = message(1, *map(varint, array.shape))
        numbers = array.tobytes()
        return message(5, numbers[:40]), message(7, dims), message(5, numbers[40:])

    layers = read(
        path,
        new_layer("a", "Convolution", [KERNEL], lambda array: new_blob(array, "<f8")),
        new_layer("b", "Convolution", [KERNEL], in_pieces),
    )
    for layer in layers:
        assert layer.blobs[0].dtype == np.float32
        np.testing.assert_array_equal(layer.blobs[0], KERNEL)


def test_sides_that_are_not_packed(path):
    def loose(array):
        return message(7, *(whole_number(1, side) for side in array.shape)), message(
            5, array.tobytes()
        )

    (layer,) = read(path, new_layer("a", "Convolution", [KERNEL], loose))
    np.testing.assert_array_equal(layer.blobs[0], KERNEL)


def test_an_old_type_without_a_name_has_its_number(path):
    (layer,) = read(path, old_layer("a", "Something", [BIAS]))
    assert layer.kind == "type 99"


def test_a_name_that_is_no_text_is_a_name(path):
    (layer,) = read(path, message(100, message(1, b"\xff"), message(7, *new_blob(BIAS))))
    assert layer.name == "\N{REPLACEMENT CHARACTER}"


# === What is damaged, or made to do harm ===


def refusal(path, *parts):
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read as a .caffem")) as error:
        read(path, *parts)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("form", [new_layer, old_layer])
def test_every_shortened_file_is_refused_or_ends_with_a_whole_layer(path, form):
    net = large_fov(width=0.01)[:8]
    weights = {entry.name: [KERNEL, BIAS] for entry in net if entry.kind == "Convolution"}
    content = caffemodel(net, weights, form)
    path.write_bytes(content)
    whole = read_layers(path)
    refused = 0
    for size in range(len(content)):
        path.write_bytes(content[:size])
        try:
            layers = read_layers(path)
        except ValueError as error:
            assert "net.caffemodel" in str(error)
            refused += 1
            continue
        for layer, wanted in zip(layers, whole, strict=False):
            assert layer.name == wanted.name
            assert all(map(np.array_equal, layer.blobs, wanted.blobs))
    assert refused > 0.98 * len(content)


def test_a_changed_byte_is_no_traceback(path):
    content = new_layer("conv", "Convolution", [KERNEL, BIAS]) + old_layer("b", "ReLU", [BIAS])
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 500):
        changed = bytearray(content)
        changed[place] = rng.integers(256)
        try:
            read(path, bytes(changed))
        except ValueError as error:
            assert "net.caffemodel" in str(error)


@pytest.mark.parametrize(
    "content", [b'name: "VGG"\nlayer { }\n', b"\x00" * 50, b"\x89HDF\r\n\x1a\n"]
)
def test_other_files_are_refused(path, content):
    assert f"no protobuf message, or cut off ({len(content)} bytes)" in refusal(path, content)


@pytest.mark.parametrize("content", [b"", message(1, "net"), new_layer("relu", "ReLU")])
def test_a_net_without_weights_is_refused(path, content):
    with pytest.raises(ValueError, match=r"net\.caffemodel holds no layers with weights: give the"):
        read(path, content)


def test_a_missing_file_is_named(tmp_path):
    for missing in (tmp_path / "none.caffemodel", tmp_path):
        with pytest.raises(ValueError, match=re.escape(f"weights file not found: {missing}")):
            read_layers(missing)


@pytest.mark.parametrize(
    "shape",
    [(2, 2), (), (4, 0), (-4,), (-2, -2), (2**62, 2**62), (2**32, 2**32, 2**32), (5,)],
)
def test_a_shape_that_its_numbers_do_not_fill_is_refused(path, shape):
    numbers = BIAS[:3] if shape == (2, 2) else BIAS
    dims = message(7, message(1, *map(varint, shape)))
    blob = message(7, dims, message(5, numbers.tobytes()))
    line = refusal(path, message(100, message(1, "conv"), blob))
    assert f"a blob of its layer 'conv' has shape {shape} and {numbers.nbytes} bytes of" in line


def test_an_old_blob_that_its_numbers_do_not_fill_is_refused(path):
    sides = b"".join(whole_number(field, 2**31 - 1) for field in (1, 2, 3, 4))
    line = refusal(path, message(2, message(6, sides, message(5, struct.pack("<f", 1)))))
    assert "(2147483647, 2147483647, 2147483647, 2147483647) and 4 bytes" in line


def test_more_parts_than_a_net_has_are_refused_before_they_are_read(path):
    assert "has 2000000 layers" in refusal(path, message(100) * 2_000_000)
    assert "'x' has 1000000 blobs" in refusal(
        path, message(100, message(1, "x"), message(7) * 1_000_000)
    )
    pieces = message(7, message(5) * 100_000)
    assert "is in 100000 pieces" in refusal(path, message(100, pieces))
    dims = message(1, b"\x01" * 1000)
    assert "has 1000 axes" in refusal(path, message(100, message(7, message(7, dims))))


def test_a_file_larger_than_a_message_is_not_read(path):
    path.write_bytes(b"")
    os.truncate(path, 2**31)
    with pytest.raises(ValueError, match=r"has 2147483648 bytes, more than the 2 GiB"):
        read_layers(path)


def test_the_form_before_layers_names_what_converts_it(path):
    line = refusal(path, message(2, message(1, message(1, "conv1_1"))))
    assert "upgrade_net_proto_binary" in line
