"""A zoo of one small network, with its weights, in a folder of a test."""

import hashlib

from deeplab_tf.data.archive_specs import SPECS
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.pretrained import zoo_files
from deeplab_tf.pretrained.trained_presets import TRAINED, TrainedPreset
from deeplab_tf.weights.keras_weights import write_weights

NAME = "tiny"
SPEC = DatasetSpec("fruit", ("ground", "apple", "pear"))
CONFIG = """
from deeplab_tf.training.config import base_config

def get_config():
    config = base_config("vgg16_large_fov")
    config.model.width = 0.05
    config.crf.bilateral_weight = 7.0
    return config
"""


def make_zoo(folder, monkeypatch, spec=SPEC):
    """Makes the zoo the one that is looked at.

    Returns:
        The network, and the row of its weights.
    """
    model = DeepLab(backbone="vgg16", head="large_fov", width=0.05, dataset=spec)
    (folder / "zoo" / "weights").mkdir(parents=True)
    (folder / "zoo" / f"{NAME}.py").write_text(CONFIG)
    monkeypatch.setattr(zoo_files, "_FOLDERS", (folder / "zoo",))
    file = zoo_files.zoo_weights(NAME)
    write_weights(model, file)
    content = file.read_bytes()
    preset = TrainedPreset(
        NAME, spec.name, "4 images", 60.0, 61.0, model.count_params(), "Apache-2.0", len(content),
        hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    for name in list(TRAINED):
        monkeypatch.delitem(TRAINED, name)
    monkeypatch.setitem(TRAINED, NAME, preset)
    monkeypatch.setitem(SPECS, spec.name, spec)
    monkeypatch.setenv("DEEPLAB_TF_HOME", str(folder / "home"))
    return model, preset
