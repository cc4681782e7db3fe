"""A .keras file from anybody is read as arguments and arrays; nothing in it runs."""

import json
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.loading import load_model
from tests.models.narrow import narrow_model, noise_images
from tests.weights.hostile_hdf5 import OUTSIDE


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A model of the smallest width, its file and the file's members."""
    model = narrow_model(width=0.02)
    path = tmp_path_factory.mktemp("good") / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return model, path, members


def write_zip(folder, members, compression=zipfile.ZIP_STORED):
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_config(good, folder, change):
    """Writes the good file with another config.json."""
    config = json.loads(good[2]["config.json"])
    changed = change(config) or config
    return write_zip(folder, {**good[2], "config.json": json.dumps(changed)})


def with_arguments(good, folder, **arguments):
    return with_config(good, folder, lambda config: config["config"].update(arguments))


def assert_refused(path, *parts):
    with pytest.raises(ValueError) as caught:
        load_model(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    for part in parts:
        assert part in message
    with pytest.raises(ValueError):
        deeplab_tf.load(path)


# === What runs a program ===


def function(module, name):
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def calling_model(module, name, argument):
    """A model whose Lambda layer calls a function of any module when Keras puts it together."""
    options = {"function": function(module, name), "function_type": "function", "arguments": {}}
    options |= {"output_shape": None, "output_shape_type": "raw", "output_shape_module": None}
    call = [[["_CONSTANT_VALUE", -1, argument, {}]]]
    layers = [
        keras_object("keras.layers", "InputLayer", {"batch_input_shape": [None, 1]}, "in", []),
        keras_object("keras.layers", "Lambda", {"module": None, **options}, "lambda", call),
    ]
    model = {
        "layers": layers,
        "input_layers": [["in", 0, 0]],
        "output_layers": [["lambda", 0, 0]],
    }
    return keras_object("keras.src.engine.functional", "Functional", model, "model", None)


def keras_object(module, class_name, config, name, inbound_nodes):
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": name, **config},
        "registered_name": None,
        "name": name,
        "inbound_nodes": inbound_nodes,
    }


def test_a_layer_that_calls_the_system(good, tmp_path):
    marker = tmp_path / "marker"
    attack = calling_model("os", "system", f"touch {marker}")
    path = with_config(good, tmp_path, lambda config: attack)
    assert_refused(path, "holds a 'Functional', not a deeplab_tf.DeepLab", "safe_mode=False")
    assert not marker.exists()
    if compat.KERAS_3:
        return
    # The attack is real: Keras 2.15 runs it.
    with pytest.raises(AttributeError):
        keras.models.load_model(path, compile=False)
    assert marker.exists()


def test_a_deeplab_whose_arguments_call_the_system(good, tmp_path):
    marker = tmp_path / "marker"
    attack = calling_model("os", "system", f"touch {marker}")
    for number, name in enumerate(["dtype", "crf", "head", "scales", "kernel_initializer"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = with_arguments(good, folder, **{name: attack if number % 2 else [attack]})
        assert_refused(path, "names an object that is no part of a DeepLab", "'Functional'")
    for key, value in function("os", "system").items():
        path = with_arguments(good, tmp_path, crf={"potts": [{key: value}]})
        if key != "config":
            assert_refused(path, "no part of a DeepLab", value)
    assert not marker.exists()


def test_a_class_of_another_package_is_named(good, tmp_path):
    path = with_config(good, tmp_path, lambda c: c.update(registered_name="mine>DeepLab"))
    assert_refused(path, "'mine>DeepLab'", "safe_mode=False")


def test_what_is_said_about_training_is_not_read(good, tmp_path):
    attack = {"optimizer": function("os", "abort"), "loss": function("os", "abort")}
    change = {"compile_config": attack, "build_config": {"input_shape": [10**9] * 4}}
    path = with_config(good, tmp_path, lambda config: config.update(change))
    np.testing.assert_array_equal(
        load_model(path)(noise_images(9, 12)), good[0](noise_images(9, 12))
    )


@keras.saving.register_keras_serializable(package="tests_of_safe_keras")
class OwnDeepLab(DeepLab):
    """What a user may have registered."""


def test_own_subclasses_are_opened_by_who_trusts_them(tmp_path):
    model = OwnDeepLab(num_classes=3, width=0.02)
    model.save(tmp_path / "own.keras")
    assert_refused(tmp_path / "own.keras", "'tests_of_safe_keras>OwnDeepLab'", "safe_mode=False")
    loaded = deeplab_tf.load(tmp_path / "own.keras", safe_mode=False)
    assert isinstance(loaded, OwnDeepLab)
    np.testing.assert_array_equal(loaded(noise_images(9, 12)), model(noise_images(9, 12)))


# === What takes memory or time ===


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 1e6),
        ("num_classes", 10**9),
        ("fc6_filters", 10**9),
        ("fc6_kernel", 10**6),
        ("scales", [1 / (i + 1) for i in range(5000)]),
        ("image_scale", float("inf")),
        ("output_stride", 10**6),
        ("fc6_rate", "12"),
        ("dtype", "string"),
        ("dtype", "complex64"),
    ],
)
def test_an_absurd_argument_is_named(good, tmp_path, name, value):
    assert_refused(with_arguments(good, tmp_path, **{name: value}), f"{name} must")


def test_a_policy_for_other_numbers_is_named(good, tmp_path):
    policy = keras_object("keras", "DTypePolicy", {"name": "int8_from_float32"}, None, [])
    assert_refused(
        with_arguments(good, tmp_path, dtype={**policy, "config": {"name": "int8_from_float32"}}),
        "int8_from_float32",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"width": 4.0},
        {"width": 1.0, "fc6_kernel": 5, "fc6_filters": 16384, "head": "aspp_l"},
        {"backbone": "keras:MobileNetV2", "head": "aspp_v3", "width": 1.0},
    ],
)
def test_a_small_file_of_a_large_network(good, tmp_path, arguments):
    made = []

    def create(next_creator, **options):
        made.append(next_creator(**options))
        return made[-1]

    with tf.variable_creator_scope(create):
        assert_refused(with_arguments(good, tmp_path, **arguments), "network of far more weights")
    assert sum(np.prod(variable.shape) for variable in made) < 2e6  # of up to a thousand millions


@pytest.mark.parametrize(
    "crf", [{"iterations": 10**9}, {"clip": float("nan")}, {"\x1b[2J": 1}, {"mode": "x"}]
)
def test_absurd_parameters_of_the_crf_are_named(good, tmp_path, crf):
    assert_refused(with_arguments(good, tmp_path, crf=crf), "CRF parameter")


@pytest.mark.parametrize("name", ["\x1b[2J", 3])
def test_a_name_that_could_steer_a_terminal(good, tmp_path, name):
    assert_refused(with_arguments(good, tmp_path, name=name), "printable text", repr(name))


def test_what_keras_says_in_bold_is_plain(good, tmp_path):
    path = with_arguments(good, tmp_path, fc6_kernel=4, method="interlace", width="1")
    assert_refused(path)
    broken = with_arguments(good, tmp_path, backbone="resnet50", head="aspp_v3", width=0.02)
    with pytest.raises(ValueError) as caught:
        load_model(broken)
    assert "\x1b" not in str(caught.value)


def test_an_unknown_argument_is_named(good, tmp_path):
    assert_refused(with_arguments(good, tmp_path, activity_regularizer="l2"), "activity_regul")


def test_class_names_with_escape_sequences(good, tmp_path):
    dataset = {"name": "x", "class_names": ["sky", "road\x1b]0;owned\x07", "car"]}
    with pytest.raises(ValueError, match="no control characters") as caught:
        load_model(with_arguments(good, tmp_path, dataset=dataset))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_a_deep_config(good, tmp_path, depth):
    text = '{"config": ' + "[" * depth + "]" * depth + "}"
    path = write_zip(tmp_path, {**good[2], "config.json": text})
    assert_refused(path, "config.json: nested more than 32 levels deep")


def test_a_large_config(good, tmp_path):
    path = write_zip(tmp_path, {**good[2], "config.json": " " * (17 * 2**20)})
    assert_refused(path, "bytes of JSON")


@pytest.mark.parametrize("text", ["", "[]", "null", '"DeepLab"', "{}", "[NaN", b"\xff", "1" * 5000])
def test_a_config_that_is_none(good, tmp_path, text):
    assert_refused(write_zip(tmp_path, {**good[2], "config.json": text}))


@pytest.mark.parametrize("name", ["../marker", "/tmp/marker", "assets/table.txt", "config.json/"])
def test_other_members_are_refused(good, tmp_path, name):
    assert_refused(write_zip(tmp_path, {**good[2], name: "x"}), "each once", name)


def test_a_member_twice(good, tmp_path):
    path = write_zip(tmp_path, good[2])
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    assert_refused(path, "each once")


def test_a_zip_bomb(good, tmp_path):
    bomb = {**good[2], "model.weights.h5": bytes(200 * 2**20)}
    path = write_zip(tmp_path, bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    assert_refused(path, "more than 100 times as many are not unpacked")


def test_other_compressions_are_refused(good, tmp_path):
    assert_refused(write_zip(tmp_path, good[2], zipfile.ZIP_LZMA), "otherwise than by deflate")


def test_a_file_that_was_packed_anew_opens(good, tmp_path):
    path = write_zip(tmp_path, good[2], zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(
        load_model(path)(noise_images(9, 12)), good[0](noise_images(9, 12))
    )


# === What reads other files ===


def first_dataset(file):
    found = []
    file.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
    return found[0]


def far_too_many_numbers(file, name, folder):
    file.create_dataset(name, (2**30,), "f4", chunks=(2**20,), compression="gzip")


ATTACKS = {**OUTSIDE, far_too_many_numbers: "more than 100 times as many"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_weights_that_reach_outside(good, tmp_path, attack):
    weights = tmp_path / "model.weights.h5"
    weights.write_bytes(good[2]["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        name = first_dataset(file)
        del file[name]
        attack(file, name, tmp_path)
    path = write_zip(tmp_path, {**good[2], "model.weights.h5": weights.read_bytes()})
    parts = [] if attack is far_too_many_numbers else [name]
    assert_refused(path, "model.weights.h5", ATTACKS[attack], *parts)


def test_weights_that_are_none(good, tmp_path):
    path = write_zip(tmp_path, {**good[2], "model.weights.h5": os.urandom(5000)})
    assert_refused(path, "cannot be loaded as a Keras model")


# === What stays as it was ===


def test_a_compiled_model_with_its_own_loss_opens(good, tmp_path):
    model = narrow_model(width=0.02)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9))
    model.compile(optimizer, lambda labels, logits: 0.0 * logits, metrics=["accuracy"])
    model.save(tmp_path / "model.keras")
    found = load_model(tmp_path / "model.keras")(noise_images(9, 12))
    np.testing.assert_array_equal(found, model(noise_images(9, 12)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_dtype_policy_comes_back(tmp_path, policy):
    model = narrow_model(width=0.02, dtype=policy)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.dtype_policy.name == policy
    np.testing.assert_array_equal(loaded(noise_images(9, 12)), model(noise_images(9, 12)))


def test_nothing_is_left_in_the_temporary_folder(good, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    load_model(good[1])
    with pytest.raises(ValueError):
        load_model(with_arguments(good, tmp_path, width=1e6))
    assert list(folder.iterdir()) == []
