import io

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from benchmarks.serving_load import broken_images
from benchmarks.serving_process import running_server
from deeplab_tf.data.image import image_pixels
from deeplab_tf.export import export_saved_model
from deeplab_tf.serving import GrpcClient, RestClient, ServingError, UnavailableError
from deeplab_tf.serving.label_files import label_files
from tests.documentation import run_python
from tests.models.narrow import patches, uncertain_model
from tests.serving.encrypted import encrypted_port
from tests.tools.commands import run

grpc = pytest.importorskip("grpc")
SIZES = [(33, 47), (20, 9), (65, 51)]


def encoded(image, kind="png", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def sources():
    return [patches(*size)[0] for size in SIZES]


@pytest.fixture(scope="module")
def predictor(sources):
    crf = {"iterations": 2, "bilateral_sigma_rgb": 30.0}
    return deeplab_tf.Predictor(uncertain_model(sources[2][None]), crf)


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
def test_labels_are_the_predictors(server, kind, predictor, sources):
    contents = [encoded(sources[0]), encoded(sources[1], "jpeg"), encoded(sources[2])]
    client = make_client(server, kind)
    answers = client.label(contents)
    for content, answer in zip(contents, answers, strict=True):
        wanted = predictor(image_pixels(content, "an image"))
        assert answer.error == "" and answer.labels.dtype == np.uint8
        np.testing.assert_array_equal(answer.labels, wanted)
    assert client.label([]) == []
    client.close()


def test_the_documented_client(server, predictor, sources, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.jpg").write_bytes(encoded(sources[0]))
    here = {"localhost:8500": f"localhost:{server.grpc}"}
    names = run_python("docs/serving.md", {"images": sources[0][None]}, **here)
    assert names["answer"].error == ""
    np.testing.assert_array_equal(names["answer"].labels, predictor(sources[0]))
    np.testing.assert_array_equal(names["labels"], [predictor(sources[0])])
    names["client"].close()


@KINDS
def test_bad_images_have_their_own_error(server, kind, sources):
    broken = broken_images(patches(120, 160)[0])
    answers = make_client(server, kind).label([*broken.values(), encoded(sources[0])])
    assert answers[-1].error == "" and answers[-1].labels.shape == SIZES[0]
    for name, answer in zip(broken, answers, strict=False):
        assert answer.labels is None and answer.error, name


@KINDS
def test_pixels_are_labelled(server, kind, predictor, sources):
    client, images = make_client(server, kind), np.stack([sources[0], sources[0][::-1]])
    labels, probabilities = client.label_tensor(images, probabilities=True)
    np.testing.assert_array_equal(labels, [predictor(image) for image in images])
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=-1))
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(client.label_tensor(images), labels)


def test_only_what_is_wanted_is_sent(server, sources, monkeypatch):
    client, sizes = make_client(server, "grpc"), []
    send = client._predict

    def weighed(request, timeout):
        answer = send(request, timeout=timeout)
        sizes.append(answer.ByteSize())
        return answer

    monkeypatch.setattr(client, "_predict", weighed)
    client.label_tensor(sources[0][None])
    client.label_tensor(sources[0][None], probabilities=True)
    pixels = sources[0].shape[0] * sources[0].shape[1]
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


# === Files ===


@pytest.fixture(scope="module")
def image_folder(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "sub").mkdir()
    (folder / "a.png").write_bytes(encoded(sources[0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "turned.jpg").write_bytes(encoded(sources[2], "jpeg", exif=exif))
    (folder / "sub" / "b.png").write_bytes(encoded(sources[1]))
    return folder


@pytest.mark.parametrize(
    "protocol, options", [("grpc", []), ("rest", []), ("rest", ["--form=instances"])]
)
def test_the_tool_writes_what_predict_writes(
    server, folder, predictor, image_folder, tmp_path, protocol, options
):
    from deeplab_tf.evaluation.predict_files import predict_files
    from deeplab_tf.evaluation.prediction_jobs import plan_jobs

    spec = deeplab_tf.data.DatasetSpec.load(folder / "assets")
    predict_files(predictor, spec, plan_jobs(str(image_folder), tmp_path / "wanted"), overlay=True)
    port = server.grpc if protocol == "grpc" else server.rest
    flags = [
        f"--server=localhost:{port}", f"--protocol={protocol}", f"--input={image_folder}",
        f"--dataset={folder / 'assets'}", f"--output={tmp_path / 'found'}", "--overlay",
        *options,
    ]  # fmt: skip
    assert "3 of 3 images labelled" in run("serve_client.py", *flags)[0]
    wanted = sorted(
        p.relative_to(tmp_path / "wanted") for p in (tmp_path / "wanted").rglob("*.png")
    )
    assert len(wanted) == 6
    for name in wanted:
        files = (tmp_path / "found" / name), (tmp_path / "wanted" / name)
        np.testing.assert_array_equal(*(np.asarray(Image.open(file)) for file in files))
    assert "3 of 3 images were labelled before" in run("serve_client.py", *flags, "--resume")[0]


def test_an_encrypted_connection(server, predictor, sources, tmp_path, monkeypatch):
    content = encoded(sources[0])
    with encrypted_port(server.rest, tmp_path) as port:
        client = RestClient(f"localhost:{port}", tls=True, retries=0)
        with pytest.raises(ServingError, match="certificate verify failed"):
            client.label([content])
        with pytest.raises(ServingError):
            RestClient(f"localhost:{port}", retries=0, deadline=10).label([content])
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        (answer,) = client.label([content])
    np.testing.assert_array_equal(answer.labels, predictor(sources[0]))


def test_the_tool_takes_an_encrypted_connection_and_a_version(
    server, folder, image_folder, tmp_path, monkeypatch
):
    # gRPC reads it once a process: the tool's own is the one to try it in.
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(tmp_path / "certificate.pem"))
    with encrypted_port(server.grpc, tmp_path) as port:
        out, _ = run(
            "serve_client.py", f"--server=localhost:{port}", "--tls", "--model_name=deeplab",
            "--model_version=1", "--batch_size=2", "--concurrency=2", "--deadline=50",
            "--retries=1", f"--dataset={folder / 'assets'}", f"--input={image_folder}",
            f"--output={tmp_path / 'labels'}",
        )  # fmt: skip
    assert "3 of 3 images labelled" in out


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_bad_file_does_not_cost_the_others(server, folder, sources, tmp_path, batch_size):
    from deeplab_tf.evaluation.prediction_jobs import plan_jobs

    source = tmp_path / "images"
    source.mkdir()
    for name, content in (("a", encoded(sources[0])), ("b", b"no"), ("c", encoded(sources[1]))):
        (source / f"{name}.png").write_bytes(content)
    jobs = plan_jobs(str(source), tmp_path / "out")
    spec = deeplab_tf.data.DatasetSpec.load(folder / "assets")
    problems = label_files(make_client(server, "grpc"), spec, jobs, batch_size=batch_size)
    assert problems == [f"{source / 'b.png'}: not a JPEG or PNG"]
    assert [job.target.exists() for job in jobs] == [True, False, True]


def test_the_tool_names_bad_files_at_the_end(server, folder, sources, tmp_path):
    source = tmp_path / "images"
    source.mkdir()
    (source / "a.png").write_bytes(encoded(sources[0]))
    (source / "b.png").write_bytes(b"no")
    flags = [f"--server=localhost:{server.grpc}", f"--input={source}"]
    flags += [f"--dataset={folder / 'assets'}", f"--output={tmp_path / 'out'}"]
    told, complaint = run("serve_client.py", *flags, status=1)
    assert "1 of 2 images labelled" in told
    assert complaint.strip().splitlines()[-1].startswith(f"error: {source / 'b.png'}: ")


def test_a_form_is_one_of_rest(folder, image_folder, tmp_path):
    flags = ["--server=localhost:9", "--form=inputs", f"--input={image_folder}"]
    flags += [f"--dataset={folder / 'assets'}", f"--output={tmp_path}"]
    _, complaint = run("serve_client.py", *flags, status=1)
    assert complaint.strip().splitlines()[-1] == "error: --form belongs to --protocol=rest."


def test_the_tool_stops_where_the_server_is_away(folder, image_folder, tmp_path):
    flags = ["--server=localhost:9", "--retries=0", f"--input={image_folder}"]
    flags += [f"--dataset={folder / 'assets'}", f"--output={tmp_path}"]
    _, complaint = run("serve_client.py", *flags, status=1)
    assert complaint.strip().splitlines()[-1].startswith("error: localhost:9, model 'deeplab'")
