import ast
import re
from typing import NamedTuple

import pytest

from deeplab_tf.crf import CrfParameters
from deeplab_tf.models.presets import MSC_SCALES
from deeplab_tf.training.config import base_config, resolve_config
from deeplab_tf.training.config_ranges import check_config
from deeplab_tf.training.phases import split_phases
from deeplab_tf.training.recipes import RECIPES, recipe_config
from tests.imports import ROOT
from tests.zoo.loading import NAMES, load_config


class Training(NamedTuple):
    policy: str
    learning_rate: float
    steps: int
    batch_size: int
    iter_size: int
    normalize: str
    augmentation: str
    weight_decay: float = 5e-4


V1 = Training("step", 1e-3, 6000, 30, 1, "valid", "crop(321)|mirror")
V2_VGG = Training("poly", 1e-3, 20000, 10, 1, "valid", "crop(321)|mirror")
V2_RESNET = Training(
    "poly", 2.5e-4, 20000, 1, 10, "caffe", "scale(0.5|0.75|1|1.25|1.5)|crop(321)|mirror"
)
_V3 = ("poly", 7e-3, 30000, 16, 1, "valid", "scale(0.5..2.0)|crop(513)|mirror")
V3_RESNET, V3_SEPARABLE = Training(*_V3, 1e-4), Training(*_V3, 4e-5)
V3_CITYSCAPES = V3_SEPARABLE._replace(steps=90000, augmentation="scale(0.5..2.0)|crop(769)|mirror")

# w1, sigma alpha, sigma beta, w2, sigma gamma.
NOT_PUBLISHED = RESNET_CRF = (4, 67, 3, 3, 1)
LARGE_FOV_CRF = (4, 121, 5, 3, 3)

# Name -> training, CRF, backbone and head, and what the header must promise.
PUBLISHED = {
    "voc12_vgg16_large_fov_v1": (V1, LARGE_FOV_CRF, "vgg16", "large_fov", "62.25", "67.64"),
    "voc12_vgg16_large_fov": (V2_VGG, LARGE_FOV_CRF, "vgg16", "large_fov", "65.76", "69.84"),
    "voc12_vgg16_7x7": (V1, NOT_PUBLISHED, "vgg16", "large_fov", "64.38", "67.64"),
    "voc12_vgg16_4x4": (V1, NOT_PUBLISHED, "vgg16", "large_fov", "63.41", "67.14"),
    "voc12_vgg16_msc": (V1, (4, 83, 5, 3, 3), "vgg16", "large_fov", "64.21", "68.70"),
    "voc12_vgg16_aspp_s": (V2_VGG, NOT_PUBLISHED, "vgg16", "aspp_s", "66.98", "69.73"),
    "voc12_vgg16_aspp_l": (V2_VGG, (4, 65, 3, 2, 2), "vgg16", "aspp_l", "68.96", "71.57"),
    "voc12_resnet101_fc": (V2_RESNET, RESNET_CRF, "resnet101", "fc", "74.87"),
    "voc12_resnet101_fc_single_scale": (
        V2_RESNET._replace(augmentation="crop(321)|mirror"), RESNET_CRF, "resnet101", "fc", "68.72",
    ),
    "context_vgg16_large_fov": (V2_VGG, NOT_PUBLISHED, "vgg16", "large_fov", "37.6", "39.6"),
    "cityscapes_vgg16_large_fov": (V2_VGG, NOT_PUBLISHED, "vgg16", "large_fov", "64.89", "65.94"),
    "voc12_resnet101_large_fov": (V2_RESNET, RESNET_CRF, "resnet101", "large_fov", "75.54"),
    "voc12_resnet101_aspp_l": (V2_RESNET, RESNET_CRF, "resnet101", "aspp_l", "76.35", "77.69"),
    "context_resnet101_aspp_l": (V2_RESNET, NOT_PUBLISHED, "resnet101", "aspp_l", "44.7", "45.7"),
    "person_part_resnet101": (V2_RESNET, NOT_PUBLISHED, "resnet101", "fc", "64.40", "64.94"),
    "cityscapes_resnet101_aspp_l": (
        V2_RESNET, NOT_PUBLISHED, "resnet101", "aspp_l", "71.0", "71.4",
    ),
    "voc12_resnet101_v3": (
        V3_RESNET, NOT_PUBLISHED, "resnet101_beta", "aspp_v3", "77.21", "78.51",
    ),
    "voc12_resnet101_v3plus": (
        V3_RESNET, NOT_PUBLISHED, "resnet101_beta", "v3plus", "78.85", "79.35",
    ),
    "voc12_xception65_v3plus": (
        V3_SEPARABLE, NOT_PUBLISHED, "xception65", "v3plus", "79.79", "82.20",
    ),
    "voc12_mobilenet_v2": (
        V3_SEPARABLE, NOT_PUBLISHED, "mobilenet_v2", "aspp_v3_1x1", "75.32", "77.33",
    ),
    "cityscapes_xception65_v3plus": (
        V3_CITYSCAPES, NOT_PUBLISHED, "xception65", "v3plus", "78.79", "80.42",
    ),
    "cityscapes_mobilenet_v2": (
        V3_CITYSCAPES, NOT_PUBLISHED, "mobilenet_v2", "aspp_v3_1x1", "70.71", "73.57",
    ),
}  # fmt: skip
V3 = [name for name, row in PUBLISHED.items() if row[0].learning_rate == 7e-3]
FIELDS_OF_VIEW = {  # kernel, rate and channels of fc6
    "voc12_vgg16_7x7": (7, 4, 4096),
    "voc12_vgg16_4x4": (4, 8, 4096),
    "voc12_vgg16_large_fov": (3, 12, 1024),
}


def keys(config):
    return {section: sorted(values) for section, values in config.to_dict().items()}


def header(name):
    return ast.get_docstring(ast.parse((ROOT / f"zoo/{name}.py").read_text()))


def factor(pairs, name):
    return next((value for pattern, value in pairs if re.fullmatch(pattern, name)), 1)


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_those_of_base_config(name):
    assert keys(load_config(name)) == keys(base_config("vgg16_large_fov"))


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_every_phase_is_valid(name):
    for phase in split_phases(load_config(name)):
        check_config(phase.config)


@pytest.mark.parametrize("name", NAMES)
def test_crf_parameters_are_valid(name):
    CrfParameters.from_dict(load_config(name).crf.to_dict())


@pytest.mark.parametrize("name", NAMES)
def test_header_has_the_command_the_cost_and_the_score(name):
    assert f"python tools/train.py --config=zoo/{name}.py --data_dir=" in header(name)
    assert re.search(r"^Cost: \S", header(name), re.MULTILINE)
    assert re.search(r"^Expected: \S", header(name), re.MULTILINE)


def test_every_published_variant_is_there():
    assert set(PUBLISHED) <= set(NAMES)


@pytest.mark.parametrize("name", PUBLISHED)
def test_header_has_score_sources_and_what_is_not_given(name):
    for part in ("Sources", "Not given", "Weights"):
        assert re.search(rf"^{part}: \S", header(name), re.MULTILINE), part
    expected = re.search(r"^Expected: .*?^\w", header(name), re.MULTILINE | re.DOTALL)[0]
    assert "et al." in expected and "table" in expected
    for score in PUBLISHED[name][4:]:
        assert score in expected


@pytest.mark.parametrize("name", PUBLISHED)
def test_training_values_are_the_published_ones(name):
    config, wanted = load_config(name), PUBLISHED[name][0]
    train = config.train
    values = {**train, "augmentation": config.data.augmentation}
    assert Training(*(values[field] for field in Training._fields)) == wanted
    assert (train.optimizer, train.optimizer_args) == ("SGD", "momentum=0.9")
    assert train.warmup_steps == 0
    assert train.power == 0.9 if train.policy == "poly" else train.step_size == 2000


@pytest.mark.parametrize("name", PUBLISHED)
def test_splits_are_the_released_ones(name):
    data = load_config(name).data
    wanted = "train_aug" if name.startswith("voc12") else "train"
    assert (data.train_split, data.eval_split) == (wanted, "val")


@pytest.mark.parametrize("name", PUBLISHED)
def test_crf_is_the_published_one(name):
    crf = load_config(name).crf
    names = ("bilateral_weight", "bilateral_sigma_xy", "bilateral_sigma_rgb",
             "gaussian_weight", "gaussian_sigma_xy")  # fmt: skip
    assert tuple(crf[key] for key in names) == PUBLISHED[name][1]
    assert (crf.iterations, crf.normalization) == (10, "after")


@pytest.mark.parametrize("name", PUBLISHED)
def test_network_is_the_published_one(name):
    model = load_config(name).model
    assert (model.backbone, model.head) == PUBLISHED[name][2:4]
    names = ("cityscapes", "voc12_resnet101_fc_single_scale")
    one_scale = model.backbone == "vgg16" or name.startswith(names) or name in V3
    assert model.scales == ((1.0,) if one_scale else MSC_SCALES)
    stride_and_dropout = (16, 0.1) if name in V3 else (8, 0.5)
    assert (model.output_stride, model.dropout, model.width) == (*stride_and_dropout, 1.0)
    assert model.msc_features == (name == "voc12_vgg16_msc")


@pytest.mark.parametrize("name", V3)
def test_parts_of_v3_are_the_published_ones(name):
    model = load_config(name).model
    resnet, xception = (model.backbone.startswith(family) for family in ("resnet", "xception"))
    assert model.multi_grid == ((1, 2, 4) if resnet else (1, 1, 1))
    assert (model.separable, model.image_pooling) == (xception, "global")
    assert model.batch_norm == "train"


@pytest.mark.parametrize("name", V3)
def test_second_command_trains_at_stride_8_with_frozen_normalisation(name):
    command = re.search(r"^Then, .*?:\n(.*?)^Cost:", header(name), re.MULTILINE | re.DOTALL)[1]
    flags = [word for word in command.split() if word.startswith("--config.")]
    first, second = load_config(name).to_dict(), load_config(name, *flags).to_dict()
    assert {
        f"{section}.{key}": value
        for section, values in second.items()
        for key, value in values.items()
        if value != first[section][key]
    } == {
        "model.output_stride": 8,
        "model.batch_norm": "frozen",
        "model.weights": f"runs/{name}/model.keras",
        "train.learning_rate": 1e-3,
    }
    assert f"--workdir=runs/{name}_os8 " in command


@pytest.mark.parametrize("name", FIELDS_OF_VIEW)
def test_fields_of_view_are_those_of_the_table(name):
    model = load_config(name).model
    assert (model.fc6_kernel, model.fc6_rate, model.fc6_filters) == FIELDS_OF_VIEW[name]


@pytest.mark.parametrize("config, variable, rate, decay", [
    ("voc12_vgg16_large_fov", "conv1_1/kernel", 1, 1),
    ("voc12_vgg16_large_fov", "conv5_3/bias", 2, 0),
    ("voc12_vgg16_large_fov", "fc6/bias", 2, 0),
    ("voc12_vgg16_large_fov", "fc8/kernel", 10, 1),
    ("voc12_vgg16_aspp_l", "fc7_4/kernel", 1, 1),
    ("voc12_vgg16_aspp_l", "fc8_4/bias", 20, 0),
    ("voc12_vgg16_msc", "msc0_conv1/bias", 2, 0),
    ("voc12_vgg16_msc", "msc4_fc8/kernel", 1, 1),
    ("voc12_vgg16_msc", "msc4_fc8/bias", 2, 0),
    ("voc12_vgg16_msc", "fc8/kernel", 0, 1),
    ("voc12_vgg16_msc", "conv1_1/bias", 0, 0),
    ("voc12_resnet101_fc", "fc1/kernel", 10, 1),
    ("voc12_resnet101_aspp_l", "res4b22_branch2b/kernel", 1, 1),
    ("voc12_resnet101_aspp_l", "fc1_c3/bias", 20, 0),
    ("voc12_resnet101_v3", "logits/bias", 2, 0),
    ("voc12_resnet101_v3", "logits/kernel", 1, 1),
    ("voc12_resnet101_v3", "aspp0_norm/gamma", 1, 0),
    ("voc12_xception65_v3plus", "entry_flow_block1_unit_1_separable_conv1_depthwise/kernel", 1, 0),
    ("voc12_xception65_v3plus", "entry_flow_block1_unit_1_separable_conv1_pointwise/kernel", 1, 1),
    ("voc12_mobilenet_v2", "block_3_project_norm/beta", 1, 0),
    ("voc12_mobilenet_v2", "block_3_depthwise/kernel", 1, 0),
])  # fmt: skip
def test_multipliers_are_the_released_ones(config, variable, rate, decay):
    train = resolve_config(load_config(config), 7).train
    assert factor(train.rate_multipliers, variable) == rate
    assert factor(train.decay_multipliers, variable) == decay


def test_values_can_be_changed_on_the_command_line():
    flags = (
        "--config.train.batch_size=10",
        "--config.train.iter_size=3",
        "--config.model.weights=FILE.h5",
        '--config.train.rate_multipliers=(("(?!msc).*",0),("msc._fc8/bias",20))',
    )
    config = load_config("voc12_vgg16_msc", *flags)
    assert (config.train.batch_size, config.train.iter_size) == (10, 3)
    assert config.model.weights == "FILE.h5"
    assert factor(config.train.rate_multipliers, "fc8/kernel") == 0
    assert factor(config.train.rate_multipliers, "msc0_fc8/bias") == 20


def test_unknown_key_names_the_nearest():
    config = load_config("voc12_vgg16_large_fov")
    with pytest.raises(AttributeError, match='Did you mean "learning_rate"'):
        config.train.learning_rat = 1.0
    with pytest.raises(KeyError, match="augmentation"):
        config.data.update(augmentations="crop(9)")
    with pytest.raises(KeyError, match="train"):
        config.update({"trian": {"steps": 1}})


def test_wrong_type_names_the_key():
    config = load_config("voc12_vgg16_large_fov")
    with pytest.raises(TypeError, match="learning_rate"):
        config.train.learning_rate = "fast"
    with pytest.raises(TypeError, match="steps"):
        config.train.update(steps=1.5)
    with pytest.raises(TypeError, match="augmentation"):
        config.data.augmentation = 1.0


def test_unknown_preset_and_recipe_name_the_known():
    with pytest.raises(ValueError, match=r"vgg16_large_fov.*Received: 'vgg17'"):
        base_config("vgg17")
    with pytest.raises(ValueError, match=r"v2_resnet101.*Received: 'v4'"):
        recipe_config("vgg16_large_fov", "v4")
    assert set(RECIPES) == {"v1_vgg16", "v2_vgg16", "v2_resnet101", "v3_resnet", "v3_separable",
                            "camvid_v3"}  # fmt: skip
