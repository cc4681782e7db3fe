"""What docs/extending.md shows works in the programs by its files and rows alone."""

import contextlib
import io
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data import AugmentationPipeline, augment, open_split
from deeplab_tf.data.sources import open_source
from deeplab_tf.training.losses import parse_loss
from tests.data.fakes import smooth_image
from tests.extensions import BLOCKS, ROWS, extended
from tests.models.narrow import noise_images
from tests.tools.loading import call

pytestmark = pytest.mark.usefixtures("eager_file")

SIZES = ((50, 71), (41, 90), (66, 67))
LOSS, AUGMENTATION = re.findall(r'(?:loss|augmentation) = "(.*)"', BLOCKS["zoo/tiny.py"])[::-1]


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory):
    """The folder with the page's files, all of which are part of the package here."""
    folder = tmp_path_factory.mktemp("site")
    with extended(folder):
        yield folder


@pytest.fixture(scope="module")
def archive(site):
    """The toy archive; returns its ids by split and name."""
    ids = {}
    for i, (split, size) in enumerate(zip(("train", "train", "val"), SIZES, strict=True)):
        (site / "toy" / split).mkdir(parents=True, exist_ok=True)
        ids[split, f"scene{i}"] = np.random.default_rng(i).integers(0, 3, size, np.uint8)
        Image.fromarray(smooth_image(*size, seed=i)).save(site / f"toy/{split}/scene{i}.jpg")
        Image.fromarray(ids[split, f"scene{i}"]).save(site / f"toy/{split}/scene{i}_ids.png")
    return ids


@pytest.fixture(scope="module")
def data(site, archive):
    paths = [f"--source={site}", f"--output={site / 'data'}"]
    call("convert_dataset.py", "--dataset=toy", "--processes=1", *paths)
    return site / "data"


@pytest.fixture(scope="module")
def config(site):
    """The page's configuration, with little to compute."""
    settings = {"train.steps": 2, "train.batch_size": 2, "model.width": 0.2, "train.eval_every": 0}
    settings["data.check"] = False
    return [f"--config={site}/zoo/tiny.py", *(f"--config.{k}={v}" for k, v in settings.items())]


@pytest.fixture(scope="module")
def run(site, data, config):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        call("train.py", *config, f"--data_dir={data}", f"--workdir={site / 'run'}")
    (site / "run/printed.txt").write_text(printed.getvalue())
    return site / "run"


@pytest.fixture(scope="module")
def model(run):
    return deeplab_tf.load(run / "model.keras")


def test_every_table_has_its_walk():
    tables = {"BACKBONES", "HEADS", "LOSSES", "OPERATIONS", "SOURCES", "FORMATS"}
    tables |= {"PREDICTION_FORMATS"}
    assert set(ROWS) == tables
    assert len(BLOCKS) == 2 * len(tables) + 1


# === From an archive to a trained network ===


def test_the_archive_becomes_shards(archive, data):
    for split in ("train", "val"):
        opened = open_split(data, split)
        assert opened.spec.class_names == ("ground", "thing")
        assert opened.names == [name for other, name in archive if other == split]
        for i, name in enumerate(opened.names):
            # 0 is not labelled; classes start at 1.
            wanted = archive[split, name].astype(int) - 1
            wanted[wanted < 0] = opened.spec.ignore_label
            np.testing.assert_array_equal(opened.load(tf.constant(i, tf.int64))["label"], wanted)


def test_an_unknown_id_is_named(tmp_path, archive):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        Image.new("RGB", (4, 5)).save(tmp_path / split / "a.jpg")
        Image.new("L", (4, 5), 7).save(tmp_path / split / "a_ids.png")
    source = open_source("toy", tmp_path)
    with pytest.raises(ValueError, match=r"a_ids.png: label id 7 .* none of this data set's 0..2"):
        source.read_label(source.splits["train"][0].label)


@pytest.mark.slow
def test_the_doctor_takes_data_and_augmentation(site, data, config):
    call("doctor.py", *config, f"--data_dir={data}", "--crops=2", f"--output={site / 'look'}")
    assert (site / "look/contact_sheet.png").stat().st_size > 1000


@pytest.mark.slow
def test_training_logs_loss_and_augmentation(run):
    printed = (run / "printed.txt").read_text()
    assert f"loss: {LOSS}\n" in printed and f"augmentation: {AUGMENTATION}\n" in printed


@pytest.mark.slow
def test_training_brings_the_parts_own_factors(model):
    assert model.rate_multipliers == (("logits/.*", 10.0), ("conv1/.*", 0.5))
    moving = model.variables_by_name()["conv3_norm/moving_mean"]
    assert np.any(moving.numpy())  # zeros at first


@pytest.mark.slow
def test_work_directory_and_file_hold_the_same(run, model):
    (run / "model.keras").rename(run / "other.keras")  # so that the checkpoint is opened
    try:
        restored = deeplab_tf.load(run)
    finally:
        (run / "other.keras").rename(run / "model.keras")
    assert (model.backbone_name, model.head_name) == ("tiny", "tiny_decoder")
    np.testing.assert_array_equal(restored(noise_images(33, 50)), model(noise_images(33, 50)))


@pytest.mark.slow
def test_evaluation_and_prediction(site, archive, data, run, model):
    call("evaluate.py", f"--workdir={run}", f"--data_dir={data}", "--split=val")
    paths = [f"--input={site}/toy/val", f"--output={site / 'labels'}"]
    assert call("predict.py", f"--model={run}/model.keras", *paths) == 0
    ((_, name),) = (key for key in archive if key[0] == "val")
    labels = np.asarray(Image.open(site / f"labels/{name}.png"))
    image = np.asarray(Image.open(site / f"toy/val/{name}.jpg"))
    np.testing.assert_array_equal(labels, np.argmax(model(image[None])[0], axis=-1))


@pytest.mark.slow
def test_areas_are_written_replaced_and_resumed(site, archive, run, capsys):
    paths = [f"--input={site}/toy/val", f"--output={site / 'areas'}"]
    flags = [f"--model={run}/model.keras", *paths, "--format=png,areas"]
    for _ in range(2):  # a file of its own is replaced
        assert call("predict.py", *flags) == 0
    call("predict.py", *flags, "--resume")
    ((_, name),) = (key for key in archive if key[0] == "val")
    labels = np.asarray(Image.open(site / f"areas/{name}.png"))
    _, *rows = (site / f"areas/{name}_areas.csv").read_text().splitlines()
    assert rows == [f"{thing},{(labels == i).sum()}" for i, thing in enumerate(["ground", "thing"])]
    assert "2 of 2 images were labelled before" in capsys.readouterr().out
    (site / f"areas/{name}_areas.csv").write_text("by hand")
    with pytest.raises(ValueError, match=f"{name}_areas.csv is there"):
        call("predict.py", *flags)


# === Exports ===


@pytest.mark.slow
def test_npz_holds_all_variables(site, run, model, capsys):
    file = site / "model.npz"
    flags = [f"--model={run}/model.keras", f"--output={file}", "--format=npz"]
    for _ in range(2):  # a file of its own is replaced
        call("export.py", *flags)
    assert capsys.readouterr().out.endswith(f"NumPy archive: {file}\n")
    arrays = dict(np.load(file))
    assert '"thing"' in str(arrays.pop("dataset.json"))
    variables = model.variables_by_name()
    assert set(arrays) == set(variables)
    for name, variable in variables.items():
        np.testing.assert_array_equal(arrays[name], variable)


@pytest.mark.slow
def test_npz_refuses_what_it_does_not_take(tmp_path, run):
    file = tmp_path / "a.npz"
    flags = [f"--model={run}/model.keras", f"--output={file}", "--format=npz"]
    with pytest.raises(ValueError, match="--size belongs to --format=litert and onnx"):
        call("export.py", *flags, "--size=40x56")
    file.write_text("mine")
    with pytest.raises(ValueError, match=r"a\.npz is there and this program did not write it"):
        call("export.py", *flags)
    call("export.py", *flags, "--overwrite")
    assert len(np.load(file)) > 1


# === Loss and augmentation, compared with NumPy ===


@pytest.mark.parametrize("delta", [0.25, 1.0])
def test_loss_is_the_huber_loss_of_probabilities(delta):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(2, 5, 7, 3)).astype(np.float32)
    labels = rng.integers(0, 4, (2, 5, 7))  # 3 is void
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    missing = 1 - p[labels < 3][np.arange((labels < 3).sum()), labels[labels < 3]]
    small = missing < delta
    wanted = np.where(small, missing**2 / 2, delta * (missing - delta / 2)).mean()
    found = parse_loss(f"huber_probability(delta={delta})")(labels, logits, ignore_label=3)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert small.any() and (delta == 1.0 or not small.all())


def test_loss_refuses_what_is_no_delta():
    with pytest.raises(ValueError, match=r"delta must be a finite number above 0 .* delta=0"):
        parse_loss("huber_probability(delta=0)")


def test_augmentation_inverts_its_share_of_the_examples():
    image, label = smooth_image(20, 20), np.zeros([20, 20], np.int32)
    pipeline = AugmentationPipeline("crop(20)|invert(0.25)")
    inverted = 0
    for i in range(40):
        crop, _ = augment(image, label, tf.constant([0, i]), pipeline, pad_color=(0, 0, 0))
        is_inverted = np.allclose(crop, 255.0 - image, atol=0.5)
        assert is_inverted or np.allclose(crop, image, atol=0.5)
        inverted += is_inverted
    assert 4 <= inverted <= 17  # outside in one of a thousand choices of seeds
