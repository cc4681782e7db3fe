import hashlib

import pytest

from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.half_weights import count_learned, export_weights
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def model(shallow_vgg):
    return narrow_model()


def test_it_says_what_the_row_has_to_say(model, tmp_path):
    lines = []
    path = export_weights(Predictor(model), tmp_path / "net.weights.h5", log=lines.append)
    content = path.read_bytes()
    assert lines == [
        f"parameters={model.count_params()}",
        f"size={len(content)}",
        f'sha256="{hashlib.sha256(content).hexdigest()}"',
    ]


def test_statistics_are_not_learned():
    model = narrow_model(backbone="mobilenet_v2", head="fc", width=0.1, batch_norm="train")
    assert count_learned(model) == sum(v.shape.num_elements() for v in model.trainable_variables)


def test_only_its_own_files_are_replaced(model, tmp_path):
    path = tmp_path / "net.weights.h5"
    predictor = Predictor(model)
    export_weights(predictor, path, log=lambda line: None)
    export_weights(predictor, path, log=lambda line: None)
    model.save_weights(path)
    with pytest.raises(ValueError, match=r"net\.weights\.h5"):
        export_weights(predictor, path)
    export_weights(predictor, path, overwrite=True, log=lambda line: None)


@pytest.mark.parametrize(
    "options", [{"crf": {}}, {"flip": True}, {"scales": (0.5, 1.0)}, {"pad_to": 65}]
)
def test_what_weights_cannot_hold_is_refused(model, tmp_path, options):
    with pytest.raises(ValueError, match=f"holds no {next(iter(options))}"):
        export_weights(Predictor(model, **options), tmp_path / "net.weights.h5")


def test_another_ending_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5"):
        export_weights(Predictor(model), tmp_path / "net.h5")
