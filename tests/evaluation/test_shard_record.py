import pytest

import deeplab_tf
from deeplab_tf.evaluation.shard_record import describe_shard
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")
NAMES = ["a", "b/c"]
CRF = {"iterations": 2}


@pytest.fixture(scope="module")
def model():
    return narrow_model(width=0.05)


def record(model, shard=(1, 2), names=NAMES, **options):
    return describe_shard(shard, deeplab_tf.Predictor(model, **options), names)


def test_shards_of_one_evaluation_differ_in_their_number_only(model):
    first, second = record(model, crf=CRF), record(model, (2, 2), crf=CRF)
    assert first["shards"] == first["images"] == 2
    assert (first.pop("number"), second.pop("number")) == (1, 2)
    assert first == second


def test_the_same_file_has_the_same_hash(model, tmp_path):
    model.save(tmp_path / "model.keras")
    assert record(deeplab_tf.load(tmp_path / "model.keras")) == record(model)


@pytest.mark.parametrize(
    "options",
    [{"crf": CRF}, {"crf": {"iterations": 3}}, {"scales": (0.5, 1)}, {"flip": True},
     {"fusion": "max"}, {"tile": 65}, {"pad_to": 99}, {"precision": "bfloat16"}],
)  # fmt: skip
def test_other_settings_have_another_hash(model, options):
    plain, other = record(model), record(model, **options)
    assert plain.pop("predictor") != other.pop("predictor")
    assert plain == other
    assert record(model, **options)["predictor"] == record(model, **options)["predictor"]


def test_other_weights_and_names_have_another_hash(model):
    other = narrow_model(width=0.05)
    for name, variable in model.variables_by_name().items():
        other.variables_by_name()[name].assign(variable)
    assert record(other) == record(model)
    other.variables_by_name()["fc8/bias"].assign([0, 0, 1e-3])
    assert record(other)["predictor"] != record(model)["predictor"]
    assert record(model, names=["a", "b"])["names"] != record(model)["names"]


def test_learned_parameters_of_the_crf_count(model):
    layer = deeplab_tf.layers.DenseCRF(trainable=True, **CRF)
    layer.build([(1, 9, 9, 3), (1, 9, 9, 3)])
    before = record(model, crf=layer)["predictor"]
    layer.set_weights([weight + 1 for weight in layer.get_weights()])
    assert layer.get_weights() and record(model, crf=layer)["predictor"] != before
