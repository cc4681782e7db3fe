"""tools/serve_client.py against an exported model, and against servers that refuse."""

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.png import encode_label, read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.predict_files import predict_files
from deeplab_tf.evaluation.prediction_jobs import plan_jobs
from tests.models.narrow import patches
from tests.serving.certificate import write_certificate
from tests.serving.fakes import Refusal, imagewise
from tests.tools.commands import run
from tests.tools.loading import call, run_here


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with a sub-folder and an image that its EXIF orientation turns."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "sub").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(patches(33, 47)[0]).save(folder / "a.png")
    Image.fromarray(patches(65, 51)[0]).save(folder / "turned.jpg", exif=exif)
    Image.fromarray(patches(20, 9)[0]).save(folder / "sub" / "b.png")
    return folder


@pytest.fixture(scope="module")
def wanted(images, saved, predictor, tmp_path_factory):
    """What predict_files writes."""
    folder = tmp_path_factory.mktemp("wanted")
    spec = DatasetSpec.load(saved / "assets")
    jobs = plan_jobs(str(images), folder)
    assert predict_files(predictor, spec, jobs, formats=("png", "overlay")) == []
    return {
        path.relative_to(folder): np.asarray(Image.open(path)) for path in folder.rglob("*.png")
    }


def flags_of(images, dataset, output):
    return [f"--input={images}", f"--dataset={dataset}", f"--output={output}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "protocol, options",
    [("grpc", ["--batch_size=3"]), ("rest", []), ("rest", ["--form=instances"])],
)
def test_writes_what_predict_writes(
    server, saved, images, wanted, tmp_path, protocol, options, capsys
):
    flags = [
        f"--server=localhost:{getattr(server, protocol)}", f"--protocol={protocol}", "--overlay",
        *flags_of(images, saved / "assets", tmp_path), *options,
    ]  # fmt: skip
    assert call("serve_client.py", *flags) == 0
    assert "3 of 3 images labelled" in capsys.readouterr().out
    assert len(wanted) == 6
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")} == set(wanted)
    for name, found in wanted.items():
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / name)), found)
    call("serve_client.py", *flags, "--resume")
    assert "3 of 3 images were labelled before" in capsys.readouterr().out


@pytest.mark.slow
def test_encrypted_connection_and_refused_image(images, tmp_path, monkeypatch):
    """In a process: gRPC reads the certificates once, and status and stderr are the user's."""
    certificate, trusted = write_certificate(tmp_path)
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(trusted))
    DatasetSpec("two", ("a", "b")).save(tmp_path)
    labels = np.ones([33, 47], np.uint8)
    (images / "bad.png").write_bytes(b"bad")

    def response_of(content):
        return Refusal("NOT_FOUND", 404, "gone") if content == b"bad" else encode_label(labels)

    with imagewise("grpc", response_of, certificate) as address:
        out, complaint = run(
            "serve_client.py", f"--server={address}", "--tls", "--model_name=deeplab",
            "--model_version=1", "--batch_size=1", "--concurrency=2", "--deadline=50",
            "--retries=1", *flags_of(images / "*a*.png", tmp_path, tmp_path / "out"), status=1,
        )  # fmt: skip
    assert "1 of 2 images labelled" in out
    np.testing.assert_array_equal(read_label(tmp_path / "out" / "a.png"), labels)
    errors = [line for line in complaint.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {images / 'bad.png'}: ")


def test_stops_where_the_server_is_away(images, saved, tmp_path, capsys):
    flags = ["--server=localhost:9", "--retries=0", *flags_of(images, saved / "assets", tmp_path)]
    assert run_here("serve_client.py", *flags) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: localhost:9, model 'deeplab': UNAVAILABLE")
