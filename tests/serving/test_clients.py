import http.server
import io
import json
import threading
import time
from concurrent import futures

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.benchmarks.serving_load import broken_pictures
from deeplab_tf.benchmarks.serving_process import running_server
from deeplab_tf.data.image import image_pixels
from deeplab_tf.export import export_saved_model
from deeplab_tf.serving import GrpcClient, RestClient, ServingError, UnavailableError
from deeplab_tf.serving.files import label_files
from tests.models.narrow import doubtful_model, patches
from tests.tools.commands import run

grpc = pytest.importorskip("grpc")
SIZES = [(33, 47), (20, 9), (65, 51)]


def encoded(image, kind="png", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photos():
    return [patches(*size)[0] for size in SIZES]


@pytest.fixture(scope="module")
def predictor(photos):
    crf = {"iterations": 2, "bilateral_sigma_rgb": 30.0}
    return deeplab_tf.Predictor(doubtful_model(photos[2][None]), crf)


@pytest.fixture(scope="module")
def folder(predictor, tmp_path_factory):
    return export_saved_model(predictor, tmp_path_factory.mktemp("deeplab") / "1")


@pytest.fixture(scope="module")
def server(folder):
    with running_server(folder.parent) as server:
        yield server


def make_client(server, kind, **options):
    if kind == "grpc":
        return GrpcClient(f"localhost:{server.grpc}", **options)
    return RestClient(f"localhost:{server.rest}", form=kind, **options)


KINDS = pytest.mark.parametrize("kind", ["grpc", "inputs", "instances"])


@KINDS
def test_labels_are_the_predictors(server, kind, predictor, photos):
    contents = [encoded(photos[0]), encoded(photos[1], "jpeg"), encoded(photos[2])]
    client = make_client(server, kind)
    answers = client.label(contents)
    for content, answer in zip(contents, answers, strict=True):
        wanted = predictor(image_pixels(content, "a photo"))
        assert answer.error == "" and answer.labels.dtype == np.uint8
        np.testing.assert_array_equal(answer.labels, wanted)
    assert client.label([]) == []
    client.close()


@KINDS
def test_bad_pictures_have_their_own_error(server, kind, photos):
    broken = broken_pictures(patches(120, 160)[0])
    answers = make_client(server, kind).label([*broken.values(), encoded(photos[0])])
    assert answers[-1].error == "" and answers[-1].labels.shape == SIZES[0]
    for name, answer in zip(broken, answers, strict=False):
        assert answer.labels is None and answer.error, name


@KINDS
def test_pixels_are_labelled(server, kind, predictor, photos):
    client, images = make_client(server, kind), np.stack([photos[0], photos[0][::-1]])
    labels, probabilities = client.label_tensor(images, probabilities=True)
    np.testing.assert_array_equal(labels, [predictor(image) for image in images])
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=-1))
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(client.label_tensor(images), labels)


def test_only_what_is_wanted_is_sent(server, photos, monkeypatch):
    client, sizes = make_client(server, "grpc"), []
    send = client._predict

    def weighed(request, timeout):
        answer = send(request, timeout=timeout)
        sizes.append(answer.ByteSize())
        return answer

    monkeypatch.setattr(client, "_predict", weighed)
    client.label_tensor(photos[0][None])
    client.label_tensor(photos[0][None], probabilities=True)
    pixels = photos[0].shape[0] * photos[0].shape[1]
    assert pixels < sizes[0] < 2 * pixels and sizes[1] > 5 * pixels


def test_large_messages_pass(server):
    """gRPC's own limit is 4 MB in each direction."""
    images = np.zeros([5, 600, 700, 3], np.uint8)
    labels, probabilities = make_client(server, "grpc").label_tensor(images, probabilities=True)
    assert images.nbytes > 6e6 and probabilities.nbytes > 6e6
    assert labels.shape == images.shape[:3]


@KINDS
@pytest.mark.parametrize("wrong", [{"model": "another"}, {"version": 7}])
def test_the_servers_refusal_is_told(server, kind, wrong):
    with pytest.raises(ServingError, match="Servable not found for request") as error:
        make_client(server, kind, **wrong).label([b""])
    assert not isinstance(error.value, UnavailableError)


@pytest.mark.parametrize("client", [GrpcClient, RestClient])
def test_a_server_that_is_away(client):
    with pytest.raises(UnavailableError, match=r"localhost:9.* \(tried 2 times\)"):
        client("localhost:9", retries=1, deadline=20).label([b"x"])


def test_another_form_is_an_error():
    with pytest.raises(ValueError, match="form must be one of"):
        RestClient("localhost:9", form="columns")


# === Servers that misbehave ===


class Fake:
    """Answers requests in turn with the functions of a list; the last one stays."""

    def __init__(self, answers):
        self.answers, self.count = answers, 0

    def __call__(self, *arguments):
        self.count += 1
        return self.answers[min(self.count, len(self.answers)) - 1](*arguments)


@pytest.fixture
def rest_fake():
    """Returns a function that starts a server whose answers are (status, body) or seconds."""
    started = []

    def start(*answers):
        remaining = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                if isinstance(answer, float):
                    time.sleep(answer)
                    return
                self.send_response(answer[0])
                self.end_headers()
                self.wfile.write(answer[1].encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"localhost:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


GOOD = (200, json.dumps({"outputs": {"label_png_bytes": [{"b64": ""}], "error": ["no"]}}))


def test_rest_tries_again_while_the_server_is_busy(rest_fake):
    address = rest_fake((503, "busy"), (429, '{"error": "slow down"}'), GOOD)
    assert RestClient(address).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match="HTTP 503: busy"):
        RestClient(rest_fake((503, "busy")), retries=1).label([b"x"])


def test_rest_has_a_deadline(rest_fake):
    start = time.monotonic()
    with pytest.raises(ServingError, match=r"no answer within the deadline of 0\.3 s"):
        RestClient(rest_fake(3.0), deadline=0.3).label([b"x"])
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "answer, message", [((200, "<html>"), "no answer of TF Serving"), ((400, "bad"), "400: bad")]
)
def test_rest_answers_that_cannot_be_used(rest_fake, answer, message):
    with pytest.raises(ServingError, match=message):
        RestClient(rest_fake(answer)).label([b"x"])


@pytest.fixture
def grpc_fake():
    """Returns a function that starts a server whose requests are answered by functions."""
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    started = []

    def start(*answers):
        class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
            Predict = staticmethod(Fake(answers))

        server = grpc.server(futures.ThreadPoolExecutor(2))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        started.append(server)
        return f"localhost:{port}"

    yield start
    for server in started:
        server.stop(None)


def refuse(code, details):
    return lambda request, context: context.abort(getattr(grpc.StatusCode, code), details)


def good(request, context):
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    texts = {"label_png_bytes": b"", "error": b"no"}
    outputs = {name: tf.make_tensor_proto([text]) for name, text in texts.items()}
    return predict_pb2.PredictResponse(outputs=outputs)


def test_grpc_tries_again_while_the_server_is_busy(grpc_fake):
    address = grpc_fake(refuse("UNAVAILABLE", "away"), refuse("RESOURCE_EXHAUSTED", "full"), good)
    assert GrpcClient(address).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match="UNAVAILABLE: away"):
        GrpcClient(grpc_fake(refuse("UNAVAILABLE", "away")), retries=1).label([b"x"])


def test_grpc_does_not_send_too_large_a_message_again(grpc_fake):
    too_large = refuse("RESOURCE_EXHAUSTED", "Received message larger than max (9 vs. 4)")
    with pytest.raises(ServingError, match="larger than max") as error:
        GrpcClient(grpc_fake(too_large, good)).label([b"x"])
    assert not isinstance(error.value, UnavailableError)


def test_grpc_has_a_deadline(grpc_fake):
    with pytest.raises(ServingError, match=r"no answer within the deadline of 0\.3 s"):
        GrpcClient(grpc_fake(lambda *_: time.sleep(2)), deadline=0.3).label([b"x"])


# === Files ===


@pytest.fixture(scope="module")
def pictures(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "sub").mkdir()
    (folder / "a.png").write_bytes(encoded(photos[0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "turned.jpg").write_bytes(encoded(photos[2], "jpeg", exif=exif))
    (folder / "sub" / "b.png").write_bytes(encoded(photos[1]))
    return folder


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_the_tool_writes_what_predict_writes(
    server, folder, predictor, pictures, tmp_path, protocol
):
    from deeplab_tf.evaluation.predict import plan_jobs, predict_files

    spec = deeplab_tf.data.DatasetSpec.load(folder / "assets")
    predict_files(predictor, spec, plan_jobs(str(pictures), tmp_path / "wanted"), overlay=True)
    port = server.grpc if protocol == "grpc" else server.rest
    flags = [
        f"--server=localhost:{port}", f"--protocol={protocol}", f"--input={pictures}",
        f"--dataset={folder / 'assets'}", f"--output={tmp_path / 'found'}", "--overlay",
    ]  # fmt: skip
    assert "3 of 3 pictures labelled" in run("serve_client.py", *flags)[0]
    wanted = sorted(
        p.relative_to(tmp_path / "wanted") for p in (tmp_path / "wanted").rglob("*.png")
    )
    assert len(wanted) == 6
    for name in wanted:
        files = (tmp_path / "found" / name), (tmp_path / "wanted" / name)
        np.testing.assert_array_equal(*(np.asarray(Image.open(file)) for file in files))
    assert "3 of 3 pictures were labelled before" in run("serve_client.py", *flags, "--resume")[0]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_bad_file_does_not_cost_the_others(server, folder, photos, tmp_path, batch_size):
    from deeplab_tf.evaluation.predict import plan_jobs

    source = tmp_path / "pictures"
    source.mkdir()
    for name, content in (("a", encoded(photos[0])), ("b", b"no"), ("c", encoded(photos[1]))):
        (source / f"{name}.png").write_bytes(content)
    jobs = plan_jobs(str(source), tmp_path / "out")
    spec = deeplab_tf.data.DatasetSpec.load(folder / "assets")
    problems = label_files(make_client(server, "grpc"), spec, jobs, batch_size=batch_size)
    assert problems == [f"{source / 'b.png'}: not a JPEG or PNG"]
    assert [job.target.exists() for job in jobs] == [True, False, True]


def test_the_tool_stops_where_the_server_is_away(folder, pictures, tmp_path):
    flags = ["--server=localhost:9", "--retries=0", f"--input={pictures}"]
    flags += [f"--dataset={folder / 'assets'}", f"--output={tmp_path}"]
    _, complaint = run("serve_client.py", *flags, status=1)
    assert complaint.strip().splitlines()[-1].startswith("error: localhost:9, model 'deeplab'")
