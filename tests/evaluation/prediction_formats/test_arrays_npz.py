import numpy as np

from deeplab_tf.evaluation.prediction_formats.arrays_npz import encode_npz, is_own_npz
from tests.evaluation.prediction_formats.labelled import SPEC, labelled, noise_labels


def test_arrays_are_read_back_without_pickle(tmp_path):
    labels = noise_labels(7, 5)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), [7, 5]).astype(np.float32)
    file = tmp_path / "a.npz"
    file.write_bytes(encode_npz(labelled(tmp_path, labels, probabilities=probabilities)))
    with np.load(file, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["labels"], labels)
        assert arrays["labels"].dtype == np.uint8
        assert arrays["probabilities"].dtype == np.float16
        np.testing.assert_allclose(arrays["probabilities"], probabilities, atol=3e-4)
        assert arrays["class_names"].tolist() == list(SPEC.class_names)
    assert is_own_npz(file)


def test_other_archives_are_not_ours(tmp_path):
    file = tmp_path / "a.npz"
    assert not is_own_npz(file)
    for arrays in ({"labels": np.zeros(3)}, {"software": np.array("x")}):
        np.savez(file, **arrays)
        assert not is_own_npz(file)
    np.save(tmp_path / "a.npy", np.zeros(3))
    for data in (b"", b"PK\3\4", b"text", (tmp_path / "a.npy").read_bytes()):
        file.write_bytes(data)
        assert not is_own_npz(file)
