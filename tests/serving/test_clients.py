"""The clients against an exported model behind the tests' server."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from benchmarks.serving_load import broken_images
from deeplab_tf.data.image import image_pixels
from deeplab_tf.evaluation.prediction_jobs import plan_jobs
from deeplab_tf.serving import GrpcClient, RestClient, ServingError, UnavailableError
from deeplab_tf.serving.label_files import label_files
from tests.documentation import run_python
from tests.models.narrow import patches
from tests.serving.fakes import KINDS, make_client

SIZES = [(33, 47), (20, 9), (65, 51)]
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


def encoded(image, kind="png", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def sources():
    return [patches(*size)[0] for size in SIZES]


def client_of(server, kind, **options):
    port = server.grpc if kind == "grpc" else server.rest
    return make_client(f"localhost:{port}", kind, **options)


@pytest.mark.slow
@ALL_KINDS
def test_labels_are_the_predictors(server, kind, predictor, sources):
    contents = [encoded(sources[0]), encoded(sources[1], "jpeg"), encoded(sources[2])]
    client = client_of(server, kind)
    predictions = client.label(contents)
    for content, prediction in zip(contents, predictions, strict=True):
        wanted = predictor(image_pixels(content, "an image"))
        assert prediction.error == "" and prediction.labels.dtype == np.uint8
        np.testing.assert_array_equal(prediction.labels, wanted)
    assert len(np.unique(predictions[2].labels)) > 1
    assert client.label([]) == []
    client.close()


@pytest.mark.slow
def test_documented_client(server, predictor, sources, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.jpg").write_bytes(encoded(sources[0]))
    here = {"localhost:8500": f"localhost:{server.grpc}"}
    names = run_python("docs/serving.md", {"images": sources[0][None]}, **here)
    assert names["prediction"].error == ""
    np.testing.assert_array_equal(names["prediction"].labels, predictor(sources[0]))
    np.testing.assert_array_equal(names["labels"], [predictor(sources[0])])
    names["client"].close()


@pytest.mark.slow
@ALL_KINDS
def test_bad_images_have_their_own_error(server, kind, sources):
    broken = broken_images(patches(120, 160)[0])
    predictions = client_of(server, kind).label([*broken.values(), encoded(sources[0])])
    assert predictions[-1].error == "" and predictions[-1].labels.shape == SIZES[0]
    for name, prediction in zip(broken, predictions, strict=False):
        assert prediction.labels is None and prediction.error, name


@pytest.mark.slow
@ALL_KINDS
def test_pixels_are_labelled(server, kind, predictor, sources):
    client, images = client_of(server, kind), np.stack([sources[0], sources[0][::-1]])
    labels, probabilities = client.label_tensor(images, probabilities=True)
    np.testing.assert_array_equal(labels, [predictor(image) for image in images])
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=-1))
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(client.label_tensor(images), labels)


@pytest.mark.slow
def test_only_requested_outputs_are_sent(server, sources, monkeypatch):
    client, sizes = client_of(server, "grpc"), []
    send = client._predict

    def measured(request, timeout):
        response = send(request, timeout=timeout)
        sizes.append(response.ByteSize())
        return response

    monkeypatch.setattr(client, "_predict", measured)
    client.label_tensor(sources[0][None])
    client.label_tensor(sources[0][None], probabilities=True)
    pixels = sources[0].shape[0] * sources[0].shape[1]
    assert pixels < sizes[0] < 2 * pixels and sizes[1] > 5 * pixels


@pytest.mark.slow
def test_large_messages(server):
    """gRPC's own limit is 4 MB in each direction."""
    images = np.zeros([5, 600, 700, 3], np.uint8)
    labels, probabilities = client_of(server, "grpc").label_tensor(images, probabilities=True)
    assert images.nbytes > 6e6 and probabilities.nbytes > 6e6
    assert labels.shape == images.shape[:3]


@ALL_KINDS
@pytest.mark.parametrize("wrong", [{"model": "another"}, {"version": 7}])
def test_refusals_carry_the_servers_message(server, kind, wrong):
    with pytest.raises(ServingError, match="Servable not found for request") as error:
        client_of(server, kind, **wrong).label([b""])
    assert not isinstance(error.value, UnavailableError)


@pytest.mark.slow
def test_rest_inside_a_running_event_loop(server, predictor, sources):
    """As in a notebook."""

    async def cell():
        return client_of(server, "inputs").label([encoded(sources[0])])

    (prediction,) = asyncio.run(cell())
    np.testing.assert_array_equal(prediction.labels, predictor(sources[0]))


@pytest.mark.parametrize("client", [GrpcClient, RestClient])
def test_server_that_is_away(client):
    with pytest.raises(UnavailableError, match=r"localhost:9.* \(tried 2 times\)"):
        client("localhost:9", retries=1, deadline=20).label([b"x"])


def test_bad_file_does_not_affect_others_of_its_request(server, saved, sources, tmp_path):
    for name, content in (("a", encoded(sources[0])), ("b", b"no"), ("c", encoded(sources[1]))):
        (tmp_path / f"{name}.png").write_bytes(content)
    jobs = plan_jobs(str(tmp_path), tmp_path / "out")
    spec = deeplab_tf.data.DatasetSpec.load(saved / "assets")
    problems = label_files(client_of(server, "grpc"), spec, jobs, batch_size=3)
    (problem,) = problems
    assert problem.startswith(f"{tmp_path / 'b.png'}: no image of a known format (JPEG, PNG, ")
    assert [job.target.exists() for job in jobs] == [True, False, True]


def test_old_name():
    with pytest.warns(DeprecationWarning, match=r"serving\.Answer is called .*Prediction"):
        assert deeplab_tf.serving.Answer is deeplab_tf.serving.Prediction
