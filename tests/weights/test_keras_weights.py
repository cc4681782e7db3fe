import hashlib

import h5py
import numpy as np
import pytest

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights import load_into
from deeplab_tf.weights.keras_weights import read_weights, write_weights
from deeplab_tf.weights.trained_model import read_variables
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg")

V3PLUS = {"backbone": "mobilenet_v2", "head": "v3plus", "separable": True, "output_stride": 16}
NETWORKS = {"vgg": {}, "v3plus": V3PLUS}


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request, shallow, shallow_vgg):
    model = narrow_model(**NETWORKS[request.param], width=0.1)
    for number, variable in enumerate(model.weights):
        variable.assign(variable + 0.01 * (number % 7))
    return model


def same_but_classes(model, num_classes):
    return DeepLab.from_config({**model.get_config(), "num_classes": num_classes})


def test_what_keras_saved(trained, tmp_path):
    trained.save_weights(tmp_path / "net.weights.h5")
    arrays, wanted = read_weights(tmp_path / "net.weights.h5", trained), read_variables(trained)
    assert arrays.keys() == wanted.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def test_another_number_of_classes_leaves_the_classifier(trained, tmp_path):
    path = tmp_path / "net.weights.h5"
    trained.save_weights(path)
    model = same_but_classes(trained, 7)
    report = load_into(model, path)
    assert {name.split("/")[1] for name in report.names("skipped")} == {"kernel", "bias"}
    assert len(report.names("skipped")) == 2
    assert not report.names("new")
    kept, wanted = read_variables(model), read_variables(trained)
    for name in report.names("loaded"):
        np.testing.assert_array_equal(kept[name], wanted[name], err_msg=name)


def test_published_weights_are_half_as_large_and_as_good(trained, tmp_path):
    path = tmp_path / "net.weights.h5"
    write_weights(trained, path)
    model = same_but_classes(trained, trained.num_classes)
    model.load_weights(path)  # Keras' own
    for read in (read_variables(model), read_weights(path, trained)):
        for name, wanted in read_variables(trained).items():
            tolerance = 2**-11 if wanted.ndim > 1 else 0
            np.testing.assert_allclose(
                read[name].astype(np.float32), wanted, rtol=tolerance, atol=1e-7, err_msg=name
            )
    full = sum(a.nbytes for a in read_variables(trained).values() if a.ndim > 1)
    with h5py.File(path) as file:
        assert _kernel_bytes(file) == full / 2


def _kernel_bytes(file):
    sizes = []
    file.visititems(lambda _, item: sizes.append(item.nbytes if _is_kernel(item) else 0))
    return sum(sizes)


def _is_kernel(item):
    return isinstance(item, h5py.Dataset) and item.ndim > 1


def test_published_weights_do_not_depend_on_where_keras_puts_them(trained, tmp_path):
    """Keras 2 and 3 number and name the groups of a file otherwise."""
    write_weights(trained, tmp_path / "net.weights.h5")
    moved = tmp_path / "moved.weights.h5"
    with h5py.File(tmp_path / "net.weights.h5") as file, h5py.File(moved, "w") as other:
        items = []
        file.visititems(lambda _, i: items.append(i) if isinstance(i, h5py.Dataset) else None)
        for number, item in enumerate(items):
            other[f"elsewhere/{number}"] = item[()]
            other[f"elsewhere/{number}"].attrs.update(item.attrs)
    arrays = read_weights(moved, trained)
    assert arrays.keys() == trained.variables_by_name().keys()


def test_the_same_weights_give_the_same_bytes(trained, tmp_path):
    hashes = set()
    for name in ("a.weights.h5", "b.weights.h5"):
        write_weights(trained, tmp_path / name)
        hashes.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_numbers_that_float16_lacks_are_refused(tmp_path):
    model = narrow_model()
    kernel = model.variables_by_name()["conv1_1/kernel"]
    kernel.assign(kernel + 1e5)
    with pytest.raises(ValueError, match="conv1_1/kernel has numbers that float16 lacks"):
        write_weights(model, tmp_path / "net.weights.h5")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_hdf5(tmp_path):
    path = tmp_path / "net.weights.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=f"{path}: not a readable .weights.h5 file"):
        load_into(narrow_model(), path)


def test_a_file_with_other_files_in_it(tmp_path):
    path = tmp_path / "net.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(ValueError, match="is a link to somewhere else"):
        load_into(narrow_model(), path)


def test_weights_of_another_network(tmp_path):
    path = tmp_path / "net.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros([3, 3], np.float32)
    with pytest.raises(ValueError, match=r"net\.weights\.h5"):
        load_into(narrow_model(), path)
