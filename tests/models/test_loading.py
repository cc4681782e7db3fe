import zipfile

import keras
import numpy as np
import pytest

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.loading import load_model
from tests.models.narrow import narrow_model, noise_images


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = narrow_model()
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return model, path


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_model_is_opened(saved, kind):
    model, path = saved
    loaded = load_model(kind(path))
    assert isinstance(loaded, DeepLab)
    np.testing.assert_array_equal(loaded(noise_images(9, 12)), model(noise_images(9, 12)))


def missing(folder, saved):
    return folder / "model.keras", "no such file. .*train.py writes"


def a_folder(folder, saved):
    return folder, r"a folder\. Give the \.keras file, such as .*/model\.keras"


def a_saved_model(folder, saved):
    (folder / "saved_model.pb").touch()
    return folder, r"a SavedModel .* deeplab_tf\.load\('.*'\) .* everything else takes the \.keras"


def an_unfinished_workdir(folder, saved):
    (folder / "config.json").write_text("{}")
    return folder, r"without model\.keras.* deeplab_tf\.load\('.*'\) opens the newest checkpoint"


def versions(folder, saved):
    for version in ("2", "10", "9"):
        (folder / version).mkdir()
        (folder / version / "saved_model.pb").touch()
    return folder, r"a folder of SavedModels\. Give one of them, such as .*/10\."


def checkpoints(folder, saved):
    (folder / "checkpoint").touch()
    return folder, r"a checkpoint, .* deeplab_tf\.load\('WORKDIR'\)"


def a_checkpoint_prefix(folder, saved):
    (folder / "ckpt-5.index").touch()
    return folder / "ckpt-5", "a checkpoint"


def file_named(name, message):
    def make(folder, saved):
        (folder / name).write_bytes(b"content")
        return folder / name, message

    return make


def an_empty_file(folder, saved):
    path = folder / "model.keras"
    path.touch()
    return path, r"model\.keras: cannot be loaded as a Keras model: it is empty"


def cut_short(folder, saved):
    path = folder / "model.keras"
    path.write_bytes(saved.read_bytes()[:1000])
    return path, r"cannot be loaded .*: it is cut off or damaged \(1000 bytes\)"


def damaged(folder, saved):
    """The list of a zip's members is at its end; bytes before it may be broken."""
    path = folder / "model.keras"
    content = saved.read_bytes()
    with zipfile.ZipFile(saved) as archive:
        start = archive.getinfo("config.json").header_offset
    path.write_bytes(content[:start] + bytes(2000) + content[start + 2000 :])
    return path, "cannot be loaded"


def another_zip(folder, saved):
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "no model")
    return path, r"holds metadata\.json, config\.json, model\.weights\.h5, each once"


def another_model(folder, saved):
    path = folder / "model.keras"
    keras.Sequential([keras.Input([4]), keras.layers.Dense(2)]).save(path)
    return path, r"holds a 'Sequential', not a deeplab_tf\.DeepLab"


WRONG = [
    missing,
    a_folder,
    a_saved_model,
    an_unfinished_workdir,
    versions,
    checkpoints,
    a_checkpoint_prefix,
    file_named("image.jpg", r"not a \.keras file"),
    file_named("model.h5", r"model\.weights=.*model\.h5"),
    file_named("model.weights.h5", r"model\.load_weights\('.*model\.weights\.h5'\)"),
    file_named("model.tflite", r"ai_edge_litert\.interpreter\.Interpreter\('.*model\.tflite'\)"),
    file_named("model.onnx", r"onnxruntime\.InferenceSession\('.*model\.onnx'\)"),
    file_named("frozen.pb", r"frozen graph of TensorFlow 1"),
    file_named("saved_model.pb", r"Give its folder: deeplab_tf\.load\('[^']*[^b]'\)"),
    file_named("ckpt-5.index", "a checkpoint"),
    file_named("ckpt-5.data-00000-of-00001", "a checkpoint"),
    file_named("checkpoint", "a checkpoint"),
    an_empty_file,
    cut_short,
    damaged,
    another_zip,
    another_model,
]


@pytest.mark.parametrize("make", WRONG)
def test_what_is_no_model_is_refused(tmp_path, saved, make):
    path, message = make(tmp_path, saved[1])
    with pytest.raises(ValueError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_another_model_that_keras_opens_is_named(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"other\.keras: holds a Sequential, not a deeplab_tf"):
        load_model(path, safe_mode=False)
