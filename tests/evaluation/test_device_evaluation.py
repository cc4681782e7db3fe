"""Devices of one machine that share an evaluation."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation import Predictor, evaluate, merge_metrics
from deeplab_tf.evaluation import device_evaluation as module
from deeplab_tf.evaluation.device_evaluation import DeviceEvaluation
from deeplab_tf.training.interruption import noting_signals
from tests.imports import ROOT
from tests.models.narrow import narrow_model

SPLIT = SyntheticSplit("val", 5)
COUNTED = ("images", "confusion_matrix", "miou", "pixel_accuracy", "per_class_iou", "best_constant")


class FakeStrategy:
    """Has the one device of this process several times."""

    scope = staticmethod(contextlib.nullcontext)

    def __init__(self, count):
        self.num_replicas_in_sync = count
        self.extended = SimpleNamespace(worker_devices=("CPU:0",) * count)


@pytest.fixture(scope="module")
def model():
    return narrow_model(width=0.05, num_classes=None, dataset=SPLIT.spec)


def counted(results):
    return {key: results[key] for key in COUNTED}


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_image_is_counted_once(model, count):
    seen = []
    evaluation = DeviceEvaluation(SPLIT, None, iter, [lambda image: seen.append(image.name)])
    parts = evaluation.parts(model, None, FakeStrategy(count))
    assert len(parts) == min(count, 5) and sorted(seen) == sorted(SPLIT.names)
    found = merge_metrics(parts) if count > 1 else parts[0]
    assert counted(found) == counted(evaluate(Predictor(model), SPLIT))


def test_devices_of_two_workers(model):
    evaluation = DeviceEvaluation(SPLIT, 4, iter, [])
    parts = [
        part
        for shard in [(1, 2), (2, 2)]
        for part in evaluation.parts(model, shard, FakeStrategy(2))
    ]
    assert counted(merge_metrics(parts)) == counted(evaluate(Predictor(model), SPLIT, limit=4))


def test_where_one_device_fails_the_others_end(model, monkeypatch):
    numbers, started, labelled = iter(range(2)), threading.Event(), []
    predict, build = module._DevicePredictor.predict_stages, module._DevicePredictor.__init__

    def number(predictor, *arguments):
        build(predictor, *arguments)
        predictor.number = next(numbers)

    def fail(predictor, image):
        if predictor.number == 1:
            started.wait(60)
            raise FloatingPointError("not finite")
        labelled.append(image)
        started.set()
        return predict(predictor, image)

    monkeypatch.setattr(module._DevicePredictor, "__init__", number)
    monkeypatch.setattr(module._DevicePredictor, "predict_stages", fail)
    evaluation = DeviceEvaluation(SyntheticSplit("val", 1000), None, iter, [])
    with pytest.raises(FloatingPointError, match="not finite"):
        evaluation.parts(model, None, FakeStrategy(2))
    assert 1 <= len(labelled) < 400


def test_a_signal_ends_all_devices(model, monkeypatch):
    predict, labelled = module._DevicePredictor.predict_stages, []

    def send(predictor, image):
        labelled.append(image)
        if len(labelled) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return predict(predictor, image)

    monkeypatch.setattr(module._DevicePredictor, "predict_stages", send)
    evaluation = DeviceEvaluation(SyntheticSplit("val", 1000), None, iter, [])
    with noting_signals() as interruption:
        assert interruption.try_to(evaluation.parts, model, None, FakeStrategy(2)) is None
    assert interruption.number == signal.SIGTERM and 3 <= len(labelled) < 400


# Devices can only be split before TensorFlow is used.
PROGRAM = """
import json
import numpy as np
import tensorflow as tf
from deeplab_tf.evaluation.device_evaluation import _build_predictors, local_devices
from deeplab_tf.training.strategies import build_strategy
from tests.models.narrow import narrow_model

strategy = build_strategy("mirrored", logical_devices=2)
with strategy.scope():
    model = narrow_model(width=0.05)
image = np.random.default_rng(0).integers(0, 256, [40, 50, 3], np.uint8)
first, second = _build_predictors(model, strategy, local_devices(strategy))
before = first(image), second(image)
# No step of training does this; it shows whose variables are read.
for variable in model.variables_by_name().values():
    mirrored = variable if hasattr(variable, "_values") else variable.value
    copy = strategy.experimental_local_results(mirrored)[1]
    copy.assign(tf.zeros_like(copy))
pairs = [(*before,), (before[0], first(image)), (np.zeros_like(before[1]), second(image))]
print(json.dumps([int(before[0].max()), *(bool((a == b).all()) for a, b in pairs)]))
"""


@pytest.mark.slow
def test_each_device_reads_its_own_variables():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    highest, *same = json.loads(done.stdout.splitlines()[-1])
    assert highest > 0 and same == [True, True, True]
