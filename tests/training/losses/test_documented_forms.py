"""Every form of a loss that docs/training.md shows, as a user gives it."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.training.config import base_config
from deeplab_tf.training.config_ranges import check_config
from deeplab_tf.training.losses import parse_loss
from tests.documentation import ROOT, run_python
from tests.tools.loading import call

# Every test takes a single step, if any.
pytestmark = pytest.mark.usefixtures("eager")

TABLE = (ROOT / "docs" / "training.md").read_text().split("### Losses")[1].split("###")[0]
FORMS = re.findall(r"^\| `([^`]+)` \|", TABLE, re.MULTILINE)[1:]  # without the head of the table
SMALL = [
    "--config.model.width=0.02", "--config.data.crop_size=17", "--config.data.check=False",
    "--config.train.steps=1", "--config.train.batch_size=2", "--config.train.iter_size=2",
    "--config.train.eval_every=0",
]  # fmt: skip


def train(workdir, loss):
    call(
        "train.py", f"--config={ROOT / 'zoo/quickstart.py'}", "--data_dir=synthetic",
        f"--workdir={workdir}", *SMALL, f"--config.train.loss={loss}",
    )  # fmt: skip


def check(workdir, loss, capsys):
    """Trains, and looks at what is printed and written."""
    train(workdir, loss)
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith("step 1/1  loss ") for line in lines[-2:]] == [True, False]
    place = next(i for i, line in enumerate(lines) if line.startswith("augmentation: "))
    assert lines[place - 1].startswith("loss: ")
    named = re.findall(r"class_weights=([a-z]\w+)", loss)
    weights = [line for line in lines if line.startswith("class weights ")]
    assert [line.split()[2] for line in weights] == [f"{name}:" for name in named]
    assert json.loads((workdir / "config.json").read_text())["train"]["loss"] == loss
    (line,) = (workdir / "metrics.jsonl").read_text().splitlines()
    assert np.isfinite(json.loads(line)["loss"]) and json.loads(line)["loss"] > 0


def test_there_are_forms():
    assert len(FORMS) > 8 and "cross_entropy + 0.5*dice" in FORMS


@pytest.mark.slow
def test_a_loss_on_the_command_line(tmp_path, capsys):
    check(tmp_path, "0.5*focal(class_weights=median_frequency) + ohem(share=0.5) + dice", capsys)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_computed_and_has_a_gradient(form):
    config = base_config("vgg16_msc")
    config.train.loss = form
    check_config(config)
    messages = []
    loss = parse_loss(form).for_split(SyntheticSplit("train", 5), messages.append)
    named = re.findall(r"class_weights=([a-z]\w+)", form)
    assert [m.split()[2] for m in messages if "class weights" in m] == [f"{n}:" for n in named]
    rng = np.random.default_rng(0)
    labels = tf.constant(rng.integers(0, 5, [2, 9, 9]), tf.int32)
    logits = tf.Variable(rng.normal(size=[2, 9, 9, 5]).astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss(labels, logits, ignore_label=255)
    assert np.isfinite(value) and value > 0
    assert np.any(tape.gradient(value, logits))


@pytest.mark.parametrize(
    ("loss", "message"),
    [("dise", "--config.train.loss: there is no loss 'dise'; there are .*Received: 'dise'"),
     ("cross_entropy(class_weights=(1, 2))", "class_weights of cross_entropy must be 5 numbers")],
)  # fmt: skip
def test_a_wrong_loss_leaves_no_run(tmp_path, capsys, loss, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", loss)
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_python_of_the_page():
    names = {"labels": np.array([[[0, 1, 255]]]), "logits": tf.zeros([1, 1, 3, 2])}
    value = run_python("docs/training.md", names)["value"]
    # (1 - p) * -log p with p = 1/2, and half of 1 - 2 * 0.5 / (1 + 1).
    assert float(value) == pytest.approx(np.log(2) / 2 + 0.25)
