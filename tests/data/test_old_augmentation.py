import json
import warnings

import pytest
from absl import flags
from ml_collections import config_flags

import deeplab_tf
from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.data_section import DataSection
from deeplab_tf.data.old_augmentation import current_data
from deeplab_tf.training.config import base_config

# What the `config.json` of version 0.1 holds of the section `data`, and today's text.
OLD = {
    "crop(97)|mirror": {"crop_size": 97, "mirror": True, "scale_range": [], "scales": [1.0]},
    "scale(0.5|0.75)|crop(9)": {"crop_size": 9, "mirror": False, "scales": [0.5, 0.75]},
    "scale(0.5..1.5)|crop(9)|mirror": {
        "crop_size": 9, "mirror": True, "scale_range": [0.5, 1.5], "scales": [0.5, 2.0],
    },
}  # fmt: skip


@pytest.fixture
def section():
    return base_config("vgg16_large_fov").data


@pytest.mark.parametrize("text", OLD)
def test_the_class_of_version_0_1_works_and_warns(text):
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in OLD[text].items()}
    with pytest.warns(DeprecationWarning, match=r"Use deeplab_tf\.data\.AugmentationPipeline"):
        augmentation = deeplab_tf.data.Augmentation(**values, image_scale=0.5)
    assert augmentation == AugmentationPipeline(text, 0.5)
    assert isinstance(augmentation, AugmentationPipeline)
    assert augmentation.crop_size == values["crop_size"]
    assert augmentation.scales == values["scales"]
    assert augmentation.mirror == values["mirror"]
    assert augmentation.scale_range == (values.get("scale_range") or None)


def test_its_senseless_values_are_refused():
    for values in ({"crop_size": 0}, {"crop_size": 9, "scales": (0.0,)},
                   {"crop_size": 9, "scales": ()}, {"crop_size": 9, "scale_range": (1.5, 0.5)},
                   {"crop_size": 9, "image_scale": 0.0}):  # fmt: skip
        with pytest.raises(ValueError, match="Received"):
            deeplab_tf.data.Augmentation(**values)


@pytest.mark.parametrize("text", OLD)
def test_old_keys_become_the_text(text, section):
    with pytest.warns(DeprecationWarning) as warned:
        section.update(OLD[text])
    assert len(warned) == len(OLD[text])
    assert str(warned[0].message) == (
        "data.crop_size is deprecated since version 0.2 and goes in version 0.3. Use "
        f"data.augmentation='crop({OLD[text]['crop_size']})|mirror'"
    )
    assert section.augmentation == text
    assert not set(OLD[text]) & set(section.to_dict())
    with pytest.warns(DeprecationWarning):
        assert (section.crop_size, section["mirror"]) == (OLD[text]["crop_size"], "mirror" in text)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("crop_size", 33, "blur(1)|rotate(5)|scale(0.5..1.5)|crop(33)|mirror|blur(1)"),
        ("mirror", False, "blur(1)|rotate(5)|scale(0.5..1.5)|crop(9)|blur(1)"),
        ("mirror", True, "blur(1)|rotate(5)|scale(0.5..1.5)|crop(9)|mirror|blur(1)"),
        ("scale_range", (1.0, 2.0), "blur(1)|rotate(5)|scale(1..2)|crop(9)|mirror|blur(1)"),
        ("scale_range", (), "blur(1)|rotate(5)|crop(9)|mirror|blur(1)"),
        # As in version 0.1, the range has precedence.
        ("scales", (2.0,), "blur(1)|rotate(5)|scale(0.5..1.5)|crop(9)|mirror|blur(1)"),
    ],
)
def test_an_old_key_leaves_the_other_operations(section, key, value, text):
    section.augmentation = "blur(1)|rotate(5)|scale(0.5..1.5)|crop(9)|mirror|blur(1)"
    with pytest.warns(DeprecationWarning):
        section[key] = value
    assert section.augmentation == text


def test_new_keys_warn_of_nothing(section):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        section.augmentation = "crop(9)"
        assert section.augmentation == "crop(9)"
        assert set(section) >= {"augmentation", "image_scale"}
    with pytest.raises(AttributeError, match="cropsize"):
        section.cropsize = 3


@pytest.mark.parametrize(
    ("key", "value", "error", "message"),
    [
        ("crop_size", "33", TypeError, r"data\.crop_size must be of type int"),
        ("crop_size", True, TypeError, r"data\.crop_size must be of type int"),
        ("mirror", 1, TypeError, r"data\.mirror must be of type bool"),
        ("scales", 1.0, TypeError, r"data\.scales must be of type tuple"),
        ("crop_size", 0, ValueError, "crop: side must be a whole number"),
        ("scale_range", (2.0, 1.0), ValueError, "scale: factor must be"),
    ],
)
def test_wrong_old_values_are_refused(section, key, value, error, message):
    with pytest.raises(error, match=message):
        section[key] = value
    assert section.augmentation == "crop(321)|mirror"


def test_old_flags_work(tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        "from deeplab_tf.training.config import base_config\n"
        "def get_config():\n    return base_config('vgg16_large_fov')\n"
    )
    values = flags.FlagValues()
    arguments = [
        "program", f"--config={file}", "--config.data.crop_size=33",
        "--config.data.scale_range=(0.5,1.5)", "--config.data.mirror=False",
    ]  # fmt: skip
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=arguments)
    with pytest.warns(DeprecationWarning):
        values(arguments)
    assert values.config.data.augmentation == "scale(0.5..1.5)|crop(33)"


@pytest.mark.parametrize("text", OLD)
def test_a_run_of_version_0_1_is_the_same_run(text):
    old = {**OLD[text], "image_scale": 1.0, "cache": False}
    assert current_data(json.loads(json.dumps(old))) == {
        "augmentation": text, "image_scale": 1.0, "cache": False,
    }  # fmt: skip
    assert current_data({"augmentation": f" {text.replace('|', ' | ')}"}) == {"augmentation": text}
    # A folder of something else is for the caller to refuse.
    assert current_data({"name": "x"}) == {"name": "x"}


def test_a_section_of_old_keys_alone():
    with pytest.warns(DeprecationWarning):
        section = DataSection(OLD["scale(0.5|0.75)|crop(9)"])
    assert section.to_dict() == {"augmentation": "scale(0.5|0.75)|crop(9)"}
