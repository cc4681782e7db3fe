"""What docs/training.md shows of callbacks, as a user gives it."""

import re
import shlex
import sys

import pytest

from deeplab_tf.training.callbacks import parse_callbacks
from deeplab_tf.training.callbacks.keras_names import REFUSED
from tests.documentation import ROOT
from tests.training.callbacks.short_runs import EVALUATION, callbacks_of, told_run
from tests.training.callbacks.stand_ins import Mlflow, build_wandb

SECTION = (ROOT / "docs/training.md").read_text().split("### Callbacks")[1].split("\n## ")[0]
FORMS = re.findall(r"^\| `([^`]+)` \|", SECTION, re.MULTILINE)
FLAGS = re.findall(r"^--config\.train\.callbacks=.*$", SECTION, re.MULTILINE)


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", build_wandb())
    monkeypatch.setitem(sys.modules, "mlflow", Mlflow().module)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_read(form):
    (call,) = parse_callbacks(form.replace("(ARGUMENTS)", "()"))
    assert call.name == form.partition("(")[0]


def test_there_are_forms_and_all_that_is_refused_is_named():
    assert len(FORMS) == 8 and len(FLAGS) == 2
    inside_fit = {"BaseLogger", "SidecarEvaluatorModelExport"}  # of Keras 2 alone
    assert {name for name in REFUSED if f"`{name}`" in SECTION} == {*REFUSED} - inside_fit


def test_the_example_runs(tmp_path):
    (word,) = shlex.split(FLAGS[0])
    told_run(word.partition("=")[2], tmp_path)
    assert (tmp_path / "log.csv").is_file() and (tmp_path / "wandb_run.json").is_file()


def test_the_class_of_a_user_runs(tmp_path, monkeypatch):
    ((file, text),) = re.findall(r'^```python title="(\S+)"\n(.*?)^```$', SECTION, re.S | re.M)
    (tmp_path / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (word,) = shlex.split(FLAGS[1])
    lines = []
    callbacks = callbacks_of(word.partition("=")[2], tmp_path, log=lines.append)
    callbacks.begin()
    for step, iou in ((10, 0.25), (20, 0.125), (30, None), (40, 0.5)):
        callbacks.write(step, {**EVALUATION, "per_class_iou": {"pedestrian": iou}})
    sys.modules.pop(file.removesuffix(".py"))
    assert lines == ["step 10: IoU of pedestrian 25.00", "step 40: IoU of pedestrian 50.00"]
