import dataclasses
import json

import keras
import pytest

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.training.config import base_config
from deeplab_tf.training.workdir import Workdir
from tests.training.small_files import small_files

SPEC = DatasetSpec("toy", ("background", "thing"))


def config(**model):
    values = base_config("vgg16_large_fov")
    values.model.update(model)
    return values.to_dict()


def refusal(folder, config, spec=SPEC):
    with pytest.raises(ValueError) as error:
        Workdir(folder, config, spec)
    return str(error.value)


# === config.json and dataset.json ===


def test_configuration_and_data_set_are_written(tmp_path):
    folder = tmp_path / "new" / "run"
    Workdir(folder, config(width=0.25), SPEC).describe()
    written = json.loads((folder / "config.json").read_text())
    assert written["model"]["width"] == 0.25 and written["train"]["steps"] == 20000
    assert DatasetSpec.load(folder) == SPEC


def test_same_run_goes_on_and_may_train_differently(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    longer = config()
    longer["train"]["steps"] = 30000
    Workdir(tmp_path, longer, SPEC).describe()
    assert json.loads((tmp_path / "config.json").read_text())["train"]["steps"] == 30000


def test_other_model_is_refused_with_its_fields(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    message = refusal(tmp_path, config(width=0.5, scales=(1.0, 0.5)))
    assert "model.width: 1.0 -> 0.5" in message
    assert "model.scales: [1.0] -> [1.0, 0.5]" in message
    assert "model.head" not in message and "--workdir" in message
    assert json.loads((tmp_path / "config.json").read_text())["model"]["width"] == 1.0


def test_other_data_set_is_refused_with_its_fields(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    other = dataclasses.replace(SPEC, class_names=("background", "other"))
    message = refusal(tmp_path, config(), other)
    assert "dataset.class_names" in message and "dataset.name" not in message
    assert DatasetSpec.load(tmp_path) == SPEC


def test_other_crop_or_split_is_refused(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    other = config()
    other["data"]["augmentation"] = "crop(65)|mirror"
    assert "data.augmentation: 'crop(321)|mirror' -> 'crop(65)|mirror'" in refusal(tmp_path, other)


def test_a_run_of_version_0_1_goes_on(tmp_path):
    before = config()
    del before["data"]["augmentation"]
    before["data"].update(crop_size=321, mirror=True, scale_range=(), scales=(1.0,))
    Workdir(tmp_path, before, SPEC).describe()
    Workdir(tmp_path, config(), SPEC).describe()
    assert "crop_size" not in json.loads((tmp_path / "config.json").read_text())["data"]
    before["data"]["scales"] = (0.5, 1.0)
    (tmp_path / "config.json").write_text(json.dumps(before))
    message = refusal(tmp_path, config())
    assert "'scale(0.5|1)|crop(321)|mirror' -> 'crop(321)|mirror'" in message


def test_what_changes_no_number_may_change(tmp_path):
    before = config()
    del before["data"]["cache"]  # a run of a version that had no cache
    Workdir(tmp_path, before, SPEC).describe()
    other = config()
    other["data"].update(cache=True, check=False)
    Workdir(tmp_path, other, SPEC).describe()
    assert json.loads((tmp_path / "config.json").read_text())["data"]["cache"] is True


@pytest.mark.parametrize("name", ["config.json", "dataset.json"])
@pytest.mark.parametrize(
    "content", [b"", b'{"model": {"wid', b"[1]", b"\xff\xfe{}", bytes(64), b"[" * 100_000]
)
def test_a_broken_description_is_named_and_left_alone(tmp_path, name, content):
    Workdir(tmp_path, config(), SPEC).describe()
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path, config())
    assert message.startswith(f"{tmp_path / name}: ") and "Put back a copy" in message
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("content", ['{"data": {}}', '{"model": 3, "data": {}}'])
def test_a_configuration_without_its_sections_is_named(tmp_path, content):
    Workdir(tmp_path, config(), SPEC).describe()
    (tmp_path / "config.json").write_text(content)
    assert f"{tmp_path / 'config.json'}: not what" in refusal(tmp_path, config())


def test_a_missing_data_set_is_named(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    (tmp_path / "dataset.json").unlink()
    assert f"{tmp_path / 'dataset.json'}: " in refusal(tmp_path, config())


# === A full disk ===


def test_a_model_that_cannot_be_written_leaves_the_one_before(tmp_path):
    workdir = Workdir(tmp_path, config(), SPEC)
    file = tmp_path / "model.keras"
    file.write_bytes(b"before")
    model = keras.Sequential([keras.layers.Dense(200)])
    model.build((None, 300))
    with pytest.raises(OSError, match="cannot be written") as error, small_files(20_000):
        workdir.save_model(model, step=3)
    assert error.value.filename == str(file)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    assert file.read_bytes() == b"before"


def test_a_file_in_the_place_of_the_checkpoints_is_named_before_any_step(tmp_path):
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(OSError, match="cannot be written") as caught:
        Workdir(tmp_path, config(), SPEC).describe()
    assert caught.value.filename == str(tmp_path / "checkpoints")
    assert not (tmp_path / "config.json").exists()
