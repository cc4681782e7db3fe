import math

import numpy as np
import pytest

from deeplab_tf.models.presets import PRESETS
from deeplab_tf.training.config import base_config
from deeplab_tf.training.config_ranges import RANGES, check_config
from deeplab_tf.training.loop import Trainer
from tests.zoo.loading import NAMES, load_config

BAD = {
    "whole": (-1, 1.5, math.nan, True, None, "3", 2**31),
    "real": (-1e-9, math.nan, math.inf, 1e39, True, None, "0.1"),
    "switch": (1, 0.0, None, "yes"),
    "text": ("", 3, None),
    "choice": ("vgg17", "", None, 3, True, ["valid"]),
}
KINDS = {
    "whole": """model.fc6_kernel model.fc6_rate model.fc6_filters train.steps
        train.batch_size train.iter_size train.step_size train.warmup_steps train.seed
        train.log_every train.eval_every train.checkpoint_every train.keep_checkpoints
        train.eval_limit train.patience train.log_images crf.iterations""",
    "real": """model.width model.dropout data.image_scale train.learning_rate train.gamma
        train.power train.warmup_rate train.weight_decay train.clip_norm train.epochs
        train.ema_decay crf.bilateral_weight crf.bilateral_sigma_xy
        crf.bilateral_sigma_rgb crf.gaussian_weight crf.gaussian_sigma_xy crf.clip""",
    "switch": """model.msc_features data.cache data.check train.log_histograms
        crf.from_probabilities crf.trainable""",
    "text": "model.weights data.train_split data.eval_split",
    "choice": """model.backbone model.head model.output_stride model.method
        model.msc_start train.optimizer
        train.policy train.normalize crf.normalization crf.implementation crf.mode
        crf.spatial_kernel train.precision""",
}
OWN = {  # key -> values that it may not have, beside those of its kind
    "model.backbone": ("keras:", "keras:Nothing", "keras:applications"),
    "model.output_stride": (0, 7, 8.5, 64),
    "model.scales": (
        (), (0.5,), (1.0, 1.0), (1.0, -0.5), (1.0, "0.5"), "1.0", 1.0, (1.0, math.nan),
    ),
    "model.width": (0, 0.0),
    "model.batch_norm_momentum": (1.0, -0.1, "0.9", True),
    "model.batch_norm": ("group", "", 3, True), "model.separable": (1, None, "yes"),
    "model.multi_grid": ((), (0, 1, 2), (1, 2.5, 4), "124", 4, (1, True, 2), None),
    "model.image_pooling": ("", "all", "0", "-3", "100000", None, True, 2.5, "³"),
    "model.dropout": (1, 1.0),
    "data.image_scale": (0,),
    "data.augmentation": ("", "mirror", "crop(0)", "crop(9)|scale(2)", "turn(3)", 321, None),
    "train.monitor": ("loss", "mIoU", None, 3, ["miou"]),
    "train.optimizer_args": ("0.9", "momentum=", "momentum=x", 0.9, None),
    "train.loss": ("", "dise", "dice dice", 3, None),
    "train.rate_multipliers": (
        (("(", 1.0),), ((".*", -1.0),), ((".*", math.nan),), (".*", 1.0), ((".*",),), ((1, 1.0),),
        "fc8",
    ),
    "train.decay_multipliers": ((("[", 1.0),), ((".*/bias", "0"),), ((".*/bias", True),)),
    "crf.compatibility": ("pots", (), (math.nan,), ((1.0, 0.0),)),
    "train.ema_decay": (1, 1.0), "train.layer_decay": (0, 1.5, -0.5, "0.9", True, None),
    "train.callbacks": (None, 3, ("CSVLogger()",), "none", "ReduceLROnPlateau()"),
    "train.on_nan": ("", "go on", None, 1),
    "train.phases": ("100", 100, ((100,),), ((0, "train.gamma=1"),), ((100, 3),)),
    "crf.clip": (0, 1),
    "crf.bilateral_sigma_xy": (0,),
    **dict.fromkeys(
        ["train.steps", "train.batch_size", "train.iter_size", "train.step_size",
         "train.keep_checkpoints", "model.fc6_kernel"], (0,)
    ),
}  # fmt: skip
GOOD = {
    "train.log_every": (0,), "train.eval_every": (0,), "train.checkpoint_every": (0, 2**31 - 1),
    "train.learning_rate": (0, 1e38, np.float32(0.5)), "train.seed": (0, 2**32 - 1),
    "train.batch_size": (np.int64(4),), "data.augmentation": ("crop(1)", "rotate(5) | crop(9)"),
    "model.scales": ([1.0, 0.5], (1,)), "model.dropout": (0,), "data.image_scale": (0.75, 2),
    "train.rate_multipliers": (None, (), [["fc8/.*", 0]]),
    "train.optimizer_args": ("", "beta_2=0.9"),
    "model.backbone": ("keras:EfficientNetV2B0",),
    "model.batch_norm": (None, "sync"), "model.image_pooling": ("none", 513, "33"),
    "model.multi_grid": ((1, 2, 4), [1]),
    "train.loss": ("dice", "2*ohem(share=1) + focal"), "train.optimizer": ("Adam",),
    "crf.compatibility": ("potts", [1.0, 2.0]),
}  # fmt: skip
# Seeds may be larger; the CRF knows neither int32 nor float32.
FINE = [("train.seed", 2**31)]
FINE += [(f"crf.{key}", value) for key in RANGES["crf"] for value in (2**31, 1e39)]
WRONG = {
    key: [value for value in BAD[kind] if (key, value) not in FINE or key == "crf.clip"]
    for kind, keys in KINDS.items()
    for key in keys.split()
}
for key, values in OWN.items():
    WRONG.setdefault(key, []).extend(values)


def changed(key, value):
    """A configuration with any value under a key, as one from JSON or another file may have."""
    values = base_config("vgg16_large_fov").to_dict()
    section, name = key.split(".")
    values[section][name] = value
    return Plain(values)


class Plain:
    """Stands for a ConfigDict, which refuses some wrong types by itself."""

    def __init__(self, values):
        self._values = values

    def to_dict(self):
        return self._values


def test_every_key_has_a_range():
    values = base_config("vgg16_large_fov").to_dict()
    assert {section: set(keys) for section, keys in RANGES.items()} == {
        section: set(keys) for section, keys in values.items()
    }
    assert set(WRONG) == {f"{section}.{key}" for section, keys in values.items() for key in keys}


@pytest.mark.parametrize("preset", PRESETS)
def test_defaults_are_right(preset):
    check_config(base_config(preset))


@pytest.mark.parametrize("name", NAMES)
def test_the_zoo_is_right(name):
    check_config(load_config(name))


@pytest.mark.parametrize(
    ("values", "message"),
    [({"patience": 3, "eval_every": 0}, "patience needs .* evaluations, which .*eval_every=0"),
     ({"patience": 3, "monitor": ""}, "patience needs --config.train.monitor"),
     ({"phases": ((9, ""),)}, r"phases: changes look like .* Received: ''"),
     ({"phases": ((9, "fast"),)}, r"phases: changes look like .* Received: 'fast'"),
     ({"phases": ((9, "train.gamma=much"),)}, r"phases: train\.gamma takes a Python .*: much"),
     ({"phases": ((9, "train.gamma=-1"),)}, r"phases: train\.gamma must be .*Received: -1"),
     ({"phases": ((9, "train.gama=1"),)}, r"phases: train\.gama: there is no such key"),
     ({"phases": ((9, "train.seed=1"),)}, r"phases: a phase changes .*Received: train\.seed"),
     ({"phases": ((9, "crf.clip=0.1"),)}, r"phases: a phase changes .*Received: crf\.clip"),
     ({"phases": ((9, "model.head='fc'"),)}, r"phases: a phase changes .*model\.head")],
)  # fmt: skip
def test_values_that_need_another_say_which(values, message):
    config = base_config("vgg16_large_fov")
    config.train.update(values)
    with pytest.raises(ValueError, match=f"--config.train.{message}"):
        check_config(config)


@pytest.mark.parametrize("key", WRONG)
def test_wrong_values_name_the_flag_what_is_allowed_and_what_was_received(key):
    for value in WRONG[key]:
        with pytest.raises(ValueError) as error:
            check_config(changed(key, value))
        message = str(error.value)
        assert message.startswith(f"--config.{key}") and "\n" not in message
        assert "Received: " in message and repr(value) in message
        assert "--config." not in message[2:]


@pytest.mark.parametrize("key", GOOD)
def test_values_at_the_edge_are_right(key):
    for value in GOOD[key]:
        check_config(changed(key, value))


def test_the_error_names_all_wrong_keys():
    config = base_config("vgg16_large_fov")
    config.train.steps, config.crf.iterations = -5, -1
    with pytest.raises(ValueError) as error:
        check_config(config)
    assert str(error.value) == (
        "--config.train.steps must be a whole number from 1 to 2147483647. Received: -5; "
        "--config.crf.iterations: CRF parameter iterations must be a whole number from 0 to 1000. "
        "Received: iterations=-1."
    )


def test_crf_parameters_that_contradict_each_other():
    config = base_config("vgg16_large_fov")
    config.crf.update(trainable=True, implementation="pydensecrf")
    with pytest.raises(ValueError, match=r"^--config\.crf: trainable=True needs"):
        check_config(config)


def test_a_missing_key_is_named():
    values = base_config("vgg16_large_fov").to_dict()
    del values["train"]["seed"], values["crf"]
    with pytest.raises(ValueError, match=r"train\.seed is missing.*--config\.crf\.mode is"):
        check_config(Plain(values))


def test_a_trainer_looks_before_it_reads_the_split(tmp_path):
    config = base_config("vgg16_large_fov")
    config.train.log_every = -1
    with pytest.raises(ValueError, match=r"^--config\.train\.log_every must be"):
        Trainer(config, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()
