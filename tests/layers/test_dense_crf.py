import dataclasses
import inspect
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.crf import CrfParameters
from deeplab_tf.crf.reference import softmax
from deeplab_tf.layers.dense_crf import DenseCRF
from tests.crf.scenes import refine_eagerly, scene
from tests.crf.test_parameters import NON_DEFAULT
from tests.tools.commands import call_elsewhere

SIZE = (18, 26)
PYDENSECRF = {"implementation": "pydensecrf", "bilateral_sigma_xy": 20.0, "iterations": 4}


@pytest.fixture(params=["graph", "pydensecrf"])
def small(request):
    """Arguments that make a layer quick."""
    return {**PYDENSECRF, "implementation": request.param}


def batch(count=2):
    images, logits = zip(*(scene(*SIZE, seed) for seed in range(count)), strict=True)
    return np.stack(logits), np.stack(images)


def assert_same(one, other):
    """Equal but for the order of sums, which depends on how the graph is cut and scheduled."""
    np.testing.assert_allclose(one, other, atol=1e-4)


def singles(logits, images, small):
    pairs = zip(logits, images, strict=True)
    return np.stack([refine_eagerly(x, y, **small) for x, y in pairs])


def test_arguments_and_defaults_are_those_of_the_parameters():
    arguments = inspect.signature(DenseCRF).parameters
    for field in dataclasses.fields(CrfParameters):
        assert arguments[field.name].default == field.default
    assert len(arguments) == len(dataclasses.fields(CrfParameters)) + 1  # and **kwargs


@pytest.mark.slow
def test_a_batch_equals_single_images(small):
    logits, images = batch()
    refined = DenseCRF(**small)((logits, images)).numpy()
    assert_same(refined, singles(logits, images, small))
    assert refined.dtype == np.float32


@pytest.mark.slow
def test_not_compiled_it_gives_the_same_and_traces_nothing(small, monkeypatch):
    logits, images = batch()
    compiled = DenseCRF(**small)((logits, images))
    other = DenseCRF(**{**small, "bilateral_sigma_xy": 20.001})
    other.compiled = False
    monkeypatch.setattr(tf.Graph, "__init__", None)  # nobody can start a graph
    assert_same(other((logits, images)), compiled)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.int32, tf.float16, tf.float32, tf.float64])
def test_dtypes_of_images_do_not_matter(dtype, small):
    logits, images = batch()
    layer = DenseCRF(**small)
    refined = layer((tf.constant(logits), tf.cast(images, dtype)))
    assert_same(refined, layer((logits, images)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_computes_in_float32_under_mixed_precision(dtype, small):
    logits, images = batch()
    half = tf.cast(logits, dtype)
    keras.mixed_precision.set_global_policy(f"mixed_{dtype}")
    try:
        refined = DenseCRF(**small)((half, images))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert refined.dtype == tf.float32
    assert_same(refined, singles(tf.cast(half, tf.float32).numpy(), images, small))


def test_from_probabilities(small):
    logits, images = batch()
    probabilities = softmax(logits)
    layer = DenseCRF(from_probabilities=True, **small)
    layer.compiled = False
    wanted = singles(np.log(np.clip(probabilities, 1e-5, 1)), images, small)
    assert_same(layer((probabilities, images)), wanted)


@pytest.mark.slow
def test_only_the_valid_part_is_refined(small):
    logits, images = batch(3)
    sizes = np.array([[11, 26], [18, 9], [0, 5]], np.int32)
    layer = DenseCRF(**small)
    refined = layer((logits, images), valid=sizes).numpy()
    wanted = softmax(logits)
    for i, (h, w) in enumerate(sizes[:2]):
        wanted[i, :h, :w] = refine_eagerly(logits[i, :h, :w], images[i, :h, :w], **small)
    assert_same(refined, wanted)

    # Nothing flows in: other padding, same result inside.
    for i, (h, w) in enumerate(sizes):
        inside = np.zeros(SIZE, bool)
        inside[:h, :w] = True
        logits[i][~inside] = 50.0
        images[i][~inside] = 255
    changed = layer((logits, images), valid=sizes).numpy()
    for i, (h, w) in enumerate(sizes):
        assert_same(changed[i, :h, :w], refined[i, :h, :w])


@pytest.mark.slow
def test_inside_a_function_static_shapes_are_kept(small):
    logits, images = batch()
    layer = DenseCRF(**small)
    shapes = []

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 5], tf.float32),
            tf.TensorSpec([None, 18, None, 3], tf.uint8),
        ]
    )
    def refine(x, y):
        refined = layer((x, y))
        shapes.append(refined.shape.as_list())
        return refined

    assert_same(refine(logits, images), singles(logits, images, small))
    assert shapes == [[None, 18, None, 5]]
    assert layer.compute_output_shape([(None, 4, 5, 2), (None, 4, 5, 3)]) == (None, 4, 5, 2)


def test_no_gradient_passes_pydensecrf():
    logits, images = batch(1)
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(DenseCRF(**PYDENSECRF)((x, images)) ** 2)
    assert tape.gradient(loss, x) is None


def functional_model(small):
    logits = keras.Input((None, None, 5), name="logits")
    images = keras.Input((None, None, 3), name="images", dtype="uint8")
    sizes = keras.Input((2,), name="sizes", dtype="int32")
    refined = DenseCRF(**small, compatibility=[1, 1, 1, 1, 0.5])((logits, images), valid=sizes)
    return keras.Model([logits, images, sizes], refined)


@keras.saving.register_keras_serializable(package="deeplab_tf_tests")
class Refined(keras.Model):
    def __init__(self, crf=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(crf, dict):
            crf = keras.saving.deserialize_keras_object(crf)
        self.crf = crf

    def call(self, inputs):
        return self.crf((4.0 * tf.cast(inputs, tf.float32) / 255.0, inputs))

    def get_config(self):
        crf = keras.saving.serialize_keras_object(self.crf)
        return {**super().get_config(), "crf": crf}


@pytest.mark.slow
def test_functional_model_round_trip(tmp_path, small):
    logits, images = batch()
    inputs = [logits, images, np.array([[18, 26], [10, 12]], np.int32)]
    model = functional_model(small)
    assert model.output_shape == (None, None, None, 5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(model(inputs), loaded(inputs))
    assert_same(model(inputs), loaded.predict(inputs, verbose=0))


def test_subclassed_model_round_trip(tmp_path):
    _, images = batch()
    model = Refined(DenseCRF(**{**PYDENSECRF, "bilateral_sigma_rgb": 9.0}))
    before = model(images)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(before, loaded(images))
    assert loaded.crf.parameters == model.crf.parameters


def compare_loaded(folder):
    model = keras.models.load_model(folder / "model.keras")
    case = np.load(folder / "case.npz")
    found = model([case[f"arr_{i}"] for i in range(3)])
    np.testing.assert_allclose(found, case["wanted"], atol=1e-4)


@pytest.mark.slow
def test_a_fresh_process_loads_the_model(tmp_path):
    logits, images = batch(1)
    inputs = [logits, images, np.array([SIZE], np.int32)]
    model = functional_model(PYDENSECRF)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "case.npz", *inputs, wanted=model(inputs))
    call_elsewhere(compare_loaded, tmp_path)


def test_config_keeps_every_argument():
    layer = DenseCRF(**NON_DEFAULT, name="refine")
    config = layer.get_config()
    assert {key: config[key] for key in NON_DEFAULT} == NON_DEFAULT
    copy = DenseCRF.from_config(config)
    assert copy.parameters == layer.parameters
    assert copy.get_config() == config
    assert copy.name == "refine"


def test_config_survives_the_flag_of_the_model_around():
    model = functional_model(PYDENSECRF)
    model.trainable = True
    copy = keras.Model.from_config(model.get_config())
    assert not copy.trainable_variables


def test_clear_errors():
    logits, images = batch(1)
    with pytest.raises(ValueError, match="normalization"):
        DenseCRF(normalization="both")
    with pytest.raises(ValueError, match="same size"):
        DenseCRF(**PYDENSECRF)((logits, images[:, 1:]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"valid\[0\]=\(19, 3\)"):
        DenseCRF(**PYDENSECRF)((logits, images), valid=[[19, 3]])
    graph = DenseCRF()
    graph.compiled = False
    with pytest.raises(tf.errors.InvalidArgumentError, match="valid must lie within"):
        graph((logits, images), valid=[[19, 3]])
    matrix = DenseCRF(compatibility=np.eye(5).tolist())
    unknown = tf.TensorSpec([1, 18, 26, None])
    with pytest.raises(ValueError, match="known number of classes"):
        tf.function(lambda x: matrix((x, images))).get_concrete_function(unknown)


@pytest.mark.slow
def test_xla_names_what_to_do():
    logits, images = batch(1)
    layer = DenseCRF(iterations=2)
    compiled = tf.function(lambda x, y: layer((x, y)), jit_compile=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="DenseCRF_needs_jit_compile_False"):
        compiled(tf.constant(logits), tf.constant(images))


@pytest.mark.slow
def test_a_compiled_model_falls_back_or_names_what_to_do():
    logits, images = batch(1)
    x, y = keras.Input(logits.shape[1:]), keras.Input(images.shape[1:])
    model = keras.Model([x, y], DenseCRF(iterations=2)((x, y)))
    model.compile(loss="mse", jit_compile=True)
    inputs = [logits, images.astype(np.float32)]
    if keras.__version__ >= "3":
        assert_same(model.predict(inputs, verbose=0), model(inputs))
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match="DenseCRF_needs_jit_compile_False"):
        model.predict(inputs, verbose=0)


def test_a_missing_pydensecrf_is_named_when_the_layer_is_called(monkeypatch):
    logits, images = batch(1)
    layer = DenseCRF(**PYDENSECRF)
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ImportError, match=r"deeplab_tf\[crf\]"):
        layer((logits, images))
