import inspect

import pytest

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS
from deeplab_tf.training.config import base_config, resolve_config

# Recipes and the files of zoo/ are tested in tests/zoo.


@pytest.mark.parametrize("preset", PRESETS)
def test_model_section_is_arguments_of_the_model(preset):
    known = set(inspect.signature(DeepLab.__init__).parameters)
    assert set(base_config(preset).model) - {"weights"} <= known


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_overrides_the_defaults(preset):
    model = base_config(preset).model
    assert {key: model[key] for key in PRESETS[preset]} == PRESETS[preset]


def test_multipliers_follow_the_backbone_and_the_head_that_are_trained():
    config = base_config("vgg16_msc")
    assert dict(resolve_config(config, 7).train.rate_multipliers)[".*/bias"] == 2.0
    config.model.backbone, config.model.head = "resnet50", "fc"  # as flags do after the file
    patterns = dict(resolve_config(config, 7).train.rate_multipliers)
    assert patterns == {"fc1.*/kernel": 10.0, "fc1.*/bias": 20.0}


def test_given_multipliers_stay_and_the_configuration_is_not_changed():
    config = base_config("vgg16_msc")
    config.train.rate_multipliers = (("fc8/kernel", 5.0),)
    assert resolve_config(config, 7).train.rate_multipliers == (("fc8/kernel", 5.0),)
    config = base_config("vgg16_msc")
    resolve_config(config, 7)
    assert config.train.rate_multipliers is None


@pytest.mark.parametrize(
    ("epochs", "iter_size", "steps"), [(0, 1, 30), (3, 1, 8), (0.1, 1, 1), (10, 2, 13)]
)
def test_epochs_stand_for_steps(epochs, iter_size, steps):
    config = base_config("vgg16_msc")
    config.train.update(steps=30, epochs=epochs, batch_size=4, iter_size=iter_size)
    assert resolve_config(config, images=10).train.steps == steps
    assert config.train.steps == 30


def test_unknown_preset_names_the_known_and_the_received():
    with pytest.raises(ValueError, match=r"vgg16_aspp_l.*Received: 'vgg16_asp_l'"):
        base_config("vgg16_asp_l")


@pytest.mark.parametrize("section", ["model", "data", "train", "crf"])
def test_every_section_is_locked(section):
    config = base_config("vgg16_large_fov")
    with pytest.raises(AttributeError, match="nosuchkey"):
        config[section].nosuchkey = 1
    with pytest.raises(KeyError, match="nosuchkey"):
        config[section].update(nosuchkey=1)


def test_top_level_is_locked():
    with pytest.raises(AttributeError, match="optimizer"):
        base_config("vgg16_large_fov").optimizer = "SGD"


def test_configurations_do_not_share_values():
    base_config("vgg16_large_fov").train.steps = 5
    assert base_config("vgg16_large_fov").train.steps == 20000
