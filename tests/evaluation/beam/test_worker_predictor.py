import pickle
import socket

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam.worker_predictor import WorkerPredictor
from deeplab_tf.evaluation.shard_record import predictor_hash
from tests.evaluation.small_crf import CRF
from tests.models.narrow import narrow_model, patches

pytestmark = [pytest.mark.usefixtures("shallow_vgg", "eager_file")]
SPEC = DatasetSpec("three", ("sky", "road", "tree"))
OPTIONS = {"scales": (0.5, 1.0), "flip": True, "crf": CRF, "precision": "float32"}


@pytest.fixture(scope="module")
def model():
    return narrow_model(width=0.05, num_classes=None, dataset=SPEC)


@pytest.fixture
def file(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return str(tmp_path / "model.keras")


def test_a_worker_labels_as_the_machine_that_starts_the_run(model, file):
    wanted = deeplab_tf.Predictor(model, **OPTIONS)
    made = pickle.loads(pickle.dumps(WorkerPredictor(file, OPTIONS, predictor_hash(wanted))))
    image = patches(40, 56)[0]
    np.testing.assert_array_equal(made.build()(image), wanted(image))
    assert made.labeller("labels").spec == SPEC


def test_another_model_is_refused_with_the_machines_name(file, model):
    message = rf"model\.keras: on {socket.gethostname()} another model than on the machine"
    with pytest.raises(ValueError, match=message):
        WorkerPredictor(file, {}, predictor_hash(deeplab_tf.Predictor(model, flip=True))).build()
    assert WorkerPredictor(file, {}).build().model.spec == SPEC


def test_a_missing_model_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"none\.keras: no such file"):
        WorkerPredictor(str(tmp_path / "none.keras"), {}).build()
