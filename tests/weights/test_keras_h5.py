import h5py
import numpy as np
import pytest

from deeplab_tf.weights import hed, keras_applications
from deeplab_tf.weights.keras_h5 import read_layers
from tests.weights.fakes import write_classic, write_keras3
from tests.weights.hostile_hdf5 import OUTSIDE


@pytest.mark.parametrize("group", [None, "model_weights"])
def test_classic_layout_keeps_the_order_of_weight_names(tmp_path, group):
    kernel, bias = np.ones((3, 3, 1, 2), np.float32), np.zeros(2, np.float32)
    layers = {"input_1": {}, "block1_conv1": {"W": kernel, "b": bias}}
    write_classic(tmp_path / "x.h5", layers, group)
    read = read_layers(tmp_path / "x.h5")
    assert list(read) == ["block1_conv1"]
    np.testing.assert_array_equal(read["block1_conv1"][0], kernel)
    np.testing.assert_array_equal(read["block1_conv1"][1], bias)


def test_keras3_layout_sorts_variables_by_number(tmp_path):
    arrays = [np.full(1, i, np.float32) for i in range(12)]
    write_keras3(tmp_path / "x.weights.h5", {"many": arrays})
    assert [a.item() for a in read_layers(tmp_path / "x.weights.h5")["many"]] == list(range(12))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"not found: .*gone\.h5"):
        read_layers(tmp_path / "gone.h5")


def test_file_that_is_not_hdf5_is_named(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"not hdf5")
    with pytest.raises(ValueError, match=r"x\.h5 cannot be read"):
        read_layers(tmp_path / "x.h5")


def test_truncated_file_is_named(tmp_path):
    path = tmp_path / "x.h5"
    write_classic(path, {"conv": {"W": np.ones((3, 3, 64, 64), np.float32)}})
    path.write_bytes(path.read_bytes()[:-10_000])
    with pytest.raises(ValueError, match=r"x\.h5 cannot be read"):
        read_layers(path)


def test_file_without_names_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones(3)
    with pytest.raises(ValueError, match=r"names no layer .*save as \.h5"):
        read_layers(tmp_path / "x.weights.h5")


# === Files from anybody ===


def with_attack(path, attack, name="conv/conv_W_1:0"):
    """Writes a layer whose kernel is replaced by what the attack makes."""
    write_classic(path, {"conv": {"W": np.ones((3, 3, 1, 2), np.float32)}})
    with h5py.File(path, "r+") as file:
        del file[name]
        attack(file, name, path.parent)
    return name


def itself(file, name, folder):
    file[name] = file["/"]


def words(file, name, folder):
    file[name] = ["a", "b"]


ATTACKS = {
    **OUTSIDE,
    itself: "is a second name of another part",
    words: "holds no numbers",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    "read", [read_layers, hed.read, lambda path: keras_applications.read(path, {})]
)
def test_what_reaches_outside_is_named(tmp_path, attack, read):
    name = with_attack(tmp_path / "x.h5", attack)
    with pytest.raises(ValueError, match=rf"x\.h5: '/{name}' {ATTACKS[attack]}"):
        read(tmp_path / "x.h5")


def test_more_numbers_than_a_file_holds(tmp_path):
    def zeros(file, name, folder):
        file.create_dataset(name, (2**30,), "f4", chunks=(2**20,), compression="gzip")

    with_attack(tmp_path / "x.h5", zeros)
    assert (tmp_path / "x.h5").stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"x\.h5: declares 4294967296 bytes in a file of"):
        read_layers(tmp_path / "x.h5")


def test_numbers_that_are_named_again_and_again(tmp_path):
    path = tmp_path / "x.h5"
    write_classic(path, {"conv": {"W": np.ones((256, 256), np.float32)}})
    with h5py.File(path, "r+") as file:
        file["conv"].attrs["weight_names"] = [b"conv_W_1:0"] * 1000
    with pytest.raises(ValueError, match=r"x\.h5: declares 262144000 bytes"):
        read_layers(path)


def test_compressed_weights_are_read(tmp_path):
    write_classic(tmp_path / "x.h5", {"conv": {"W": np.ones(3, np.float32)}})
    kernel = np.random.default_rng(0).normal(size=(3, 3, 8, 64)).astype(np.float32)
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        del file["conv/conv_W_1:0"]
        file.create_dataset("conv/conv_W_1:0", data=kernel, compression="gzip")
    np.testing.assert_array_equal(read_layers(tmp_path / "x.h5")["conv"][0], kernel)
