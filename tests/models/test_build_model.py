import pytest

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.presets import PRESETS, network_defaults
from deeplab_tf.training.config import base_config

SPEC = DatasetSpec("three", ("sky", "road", "tree"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_configuration_has_the_defaults_of_the_network(preset):
    arguments = base_config(preset).model.to_dict()
    assert arguments.pop("weights") == "random"
    assert arguments == {**network_defaults(), **PRESETS[preset]}


def test_the_network_is_that_of_the_configuration():
    config = base_config("vgg16_aspp_s")
    config.model.update(width=0.02, output_stride=16, dropout=0.25)
    config.data.image_scale = 0.5
    config.crf.iterations = 3
    model = build_model(config, SPEC)
    assert (model.backbone_name, model.head_name, model.spec) == ("vgg16", "aspp_s", SPEC)
    assert (model.width, model.output_stride, model.dropout) == (0.02, 16, 0.25)
    assert (model.image_scale, model.crf["iterations"]) == (0.5, 3)


def test_crf_parameters_for_other_classes_are_refused():
    config = base_config("vgg16_large_fov")
    with config.unlocked():
        del config.crf.compatibility  # of another type
        config.crf.compatibility = [1.0, 2.0]
    with pytest.raises(ValueError, match="compatibility"):
        build_model(config, SPEC)
