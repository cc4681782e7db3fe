import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.pretrained.find_weights import find_weights
from deeplab_tf.pretrained.open_network import from_preset, network_file, open_network
from deeplab_tf.pretrained.zoo_files import zoo_weights
from deeplab_tf.weights.apply import load_into
from deeplab_tf.weights.sources import check_source
from deeplab_tf.weights.trained_model import read_variables
from tests.models.narrow import narrow_model
from tests.pretrained.tiny_zoo import NAME, SPEC, make_zoo

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def zoo(shallow_vgg, tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield make_zoo(tmp_path_factory.mktemp("zoo"), monkeypatch)


@pytest.fixture(scope="module")
def trained(zoo):
    return zoo[0]


def assert_same(found, wanted, but=()):
    """Half precision keeps 11 bits of a kernel, and all of a vector."""
    found, wanted = read_variables(found), read_variables(wanted)
    for name in wanted.keys() - set(but):
        tolerance = 2**-11 if name.endswith("kernel") else 0
        np.testing.assert_allclose(found[name], wanted[name], rtol=tolerance, atol=1e-7)


def test_weights_classes_and_crf(trained):
    model = from_preset(NAME)
    assert_same(model, trained)
    assert model.spec == SPEC
    assert model.crf["bilateral_weight"] == 7.0


def test_the_architecture_alone_needs_no_file(zoo, trained):
    file = zoo_weights(NAME)
    content = file.read_bytes()
    file.unlink()
    try:
        model = from_preset(NAME, load_weights=False, num_classes=9)
    finally:
        file.write_bytes(content)
    assert model.num_classes == 9
    kernel = read_variables(model)["conv1_1/kernel"]
    assert np.abs(kernel - read_variables(trained)["conv1_1/kernel"]).max() > 0.01


def test_other_classes_keep_all_but_the_classifier(trained):
    lines = []
    model = from_preset(NAME, num_classes=5, log=lines.append)
    assert model.num_classes == 5
    assert_same(model, trained, but=("fc8/kernel", "fc8/bias"))
    kept = len(trained.variables_by_name()) - 2
    assert lines == [f"tiny: fc8/kernel, fc8/bias start at random, {kept} other tensors are kept"]


def test_a_data_set_with_the_same_classes_keeps_all(trained):
    lines = []
    other = DatasetSpec("orchard", SPEC.class_names)
    model = from_preset(NAME, dataset=other, log=lines.append)
    assert_same(model, trained)
    assert (model.spec.name, lines) == ("orchard", [])


def test_every_way_to_name_it(trained):
    for model in (deeplab_tf.load("preset:tiny"), open_network("preset:tiny")):
        assert_same(model, trained)
    assert deeplab_tf.load("preset:tiny", num_classes=4, log=lambda line: None).num_classes == 4
    assert network_file("preset:tiny") == zoo_weights(NAME)


def test_as_first_weights(trained):
    check_source("preset:tiny")
    same_classes = narrow_model(dataset=SPEC, width=0.05)
    report = load_into(same_classes, "preset:tiny")
    assert len(report.names("loaded")) == len(report.tensors)
    assert_same(same_classes, trained)
    others = narrow_model(width=0.05, dataset=DatasetSpec("tools", ("bench", "saw", "plane")))
    # As many classes are not the same ones.
    assert load_into(others, "preset:tiny").names("new") == ["fc8/kernel", "fc8/bias"]


def test_a_name_that_there_is_not(zoo):
    wanted = "no trained network 'tinny': there are tiny; did you mean 'tiny'?"
    for call in (from_preset, lambda name: check_source(f"preset:{name}")):
        with pytest.raises(ValueError) as error:
            call("tinny")
        assert str(error.value) == wanted


def test_weights_of_another_network(zoo, monkeypatch):
    config = zoo_weights(NAME).parents[1] / "tiny.py"
    text = config.read_text()
    config.write_text(text.replace("0.05", "0.1"))
    try:
        with pytest.raises(ValueError, match=r"tiny\.weights\.h5"):
            from_preset(NAME)
    finally:
        config.write_text(text)


def test_every_row_is_what_it_says():
    for preset in deeplab_tf.list_presets():
        model = from_preset(preset.name)
        trained = [v for v in model.variables_by_name() if "moving_" not in v]
        sizes = {name: tf.size(v).numpy() for name, v in model.variables_by_name().items()}
        assert sum(sizes[name] for name in trained) == preset.parameters
        assert preset.name in str(preset) and preset.licence in str(preset)
        # Size and hash are those of the file.
        assert find_weights(preset) == zoo_weights(preset.name)
