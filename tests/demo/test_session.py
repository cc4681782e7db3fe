"""What the page computes and shows, without Gradio or a browser."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.demo.labeller import Labeller
from deeplab_tf.demo.session import CONTROLS, Session
from tests.models.narrow import patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager")

SPEC = DatasetSpec("three", ("sky", "<road>", "tree"), palette=((1, 2, 3), (9, 9, 9), (0, 200, 0)))
CRF = {"iterations": 2, "bilateral_sigma_xy": 9.0, "normalization": "symmetric"}
START = deeplab_tf.crf.CrfParameters(**CRF).to_dict()
VALUES = [START[control.name] for control in CONTROLS]


class CountingPredictor(deeplab_tf.Predictor):
    """Counts how often the network is run."""

    runs = 0

    def predict_logits(self, image):
        self.runs += 1
        return super().predict_logits(image)


@pytest.fixture(scope="module")
def image():
    return patches(60, 80)[0]


@pytest.fixture(scope="module")
def model(image):
    return uncertain_model(image[None], dataset=SPEC)


@pytest.fixture(scope="module")
def tracing_predictor(model):
    """Its graphs are traced once for all tests."""
    return CountingPredictor(model, crf=CRF, scales=(0.5, 1.0), flip=True)


@pytest.fixture
def predictor(tracing_predictor):
    tracing_predictor.runs = 0
    return tracing_predictor


@pytest.fixture
def session(predictor, image):
    return Session(Labeller(predictor), {"one": image})


def shown_pngs(html):
    """The label PNGs behind the links of a page, and the names they are saved under."""
    links = re.findall(r'href="data:image/png;base64,([^"]*)"', html)
    return [base64.b64decode(link) for link in links], re.findall('download="([^"]*)"', html)


def labels_of(png):
    with Image.open(io.BytesIO(png)) as png_image:
        assert png_image.mode == "P" and bytes(png_image.getpalette()) == palette_bytes(SPEC)
        return np.asarray(png_image)


@pytest.mark.slow
def test_labels_are_the_predictors_before_and_after_the_crf(session, predictor, image):
    _, html = session.example(0, *VALUES)
    pngs, names = shown_pngs(html)
    wanted = predictor.predict_stages(image)
    assert len(np.unique(wanted[0])) > 1 and np.any(wanted[0] != wanted[1])
    assert names == ["one.png", "one.png"]
    assert pngs == [deeplab_tf.data.encode_label(x, palette_bytes(SPEC)) for x in wanted]


@pytest.mark.slow
def test_other_parameters_cost_only_the_crf(session, predictor, model, image):
    labelled, _ = session.example(0, *VALUES)
    values = [8.0, 20.0, 30.0, 0.0, 4]
    html = session.refine(labelled, *values)
    assert predictor.runs == 1
    changes = {control.name: value for control, value in zip(CONTROLS, values, strict=True)}
    other = deeplab_tf.Predictor(model, {**CRF, **changes}, scales=(0.5, 1.0), flip=True)(image)
    assert np.any(other != predictor(image))
    np.testing.assert_array_equal(labels_of(shown_pngs(html)[0][1]), other)


@pytest.mark.slow
def test_an_emptied_box_leaves_the_parameter_as_the_model_has_it(session, predictor, image):
    labelled, _ = session.example(0, *VALUES)
    html = session.refine(labelled, *[None] * len(VALUES))
    np.testing.assert_array_equal(labels_of(shown_pngs(html)[0][1]), predictor(image))


@pytest.mark.slow
def test_an_upload_is_read_and_deleted(session, predictor, image, tmp_path):
    path = tmp_path / "my image.png"
    Image.fromarray(image).save(path)
    _, html = session.upload(str(path), *VALUES)
    assert not path.exists()
    pngs, names = shown_pngs(html)
    assert names == ["my image.png"] * 2
    np.testing.assert_array_equal(labels_of(pngs[1]), predictor(image))


def test_an_upload_that_is_no_image_is_a_message(session, tmp_path):
    path = tmp_path / "<b>.jpg"
    path.write_bytes(b"no image")
    labelled, html = session.upload(str(path), *VALUES)
    assert labelled is None and not path.exists()
    assert 'role="alert"' in html and "&lt;b&gt;.jpg: no image of a known format" in html


def test_an_upload_that_is_gone_is_a_message(session, tmp_path):
    labelled, html = session.upload(str(tmp_path / "gone.jpg"), *VALUES)
    assert labelled is None and "gone.jpg: deleted before its turn came" in html


def test_sliders_before_the_first_image_say_what_to_do(session):
    assert "Drop an image" in session.refine(None, *VALUES)


@pytest.mark.slow
def test_the_legend_tells_the_shares(session, predictor, image):
    _, html = session.example(0, *VALUES)
    before, after = predictor.predict_stages(image)
    entries = re.findall('<li class="(present|absent)">(.*?)</li>', html)
    assert len(entries) == SPEC.num_classes
    for i, (kind, text) in enumerate(entries):
        shares = [100 * np.mean(labels == i) for labels in (before, after)]
        assert kind == ("present" if any(shares) else "absent")
        if any(shares):
            assert f"{shares[0]:.1f} → {shares[1]:.1f} %" in text
        assert f"rgb{SPEC.palette[i]}" in text
    assert "&lt;road&gt;" in html and "<road>" not in html
    assert f"changed {100 * np.mean(before != after):.2f} % of the pixels" in html


def test_times_are_those_of_network_and_crf(session):
    labelled, html = session.example(0, *VALUES)
    assert f"Network: {1000 * labelled.seconds:.0f} ms" in html
    assert float(re.search(r"CRF: (\d+) ms", html)[1]) > 0


def test_a_wrong_parameter_is_an_error(predictor, image):
    labeller = Labeller(predictor)
    with pytest.raises(ValueError, match="iterations must be a whole number"):
        labeller.refine(labeller.label("x", image), {"iterations": -1})


def test_broken_logits_are_a_message(tmp_path, image):
    broken = deeplab_tf.DeepLab(dataset=SPEC, width=0.05)
    broken.variables_by_name()["fc8/bias"].assign([np.inf] * 3)
    own = Session(Labeller(deeplab_tf.Predictor(broken, crf=CRF)), {"one": image})
    Image.fromarray(image).save(tmp_path / "image.png")
    results = {"image": own.upload(str(tmp_path / "image.png"), *VALUES)}
    results["one"] = own.example(0, *VALUES)
    for name, (labelled, html) in results.items():
        assert labelled is None and f"{name}: logits of the network are not finite" in html
