"""Folders labelled by servers that fail for one image, or for all."""

import io
import itertools
import re
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.png import encode_label, read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.prediction_jobs import plan_jobs
from deeplab_tf.serving import DeadlineError, Prediction, ServingError, UnavailableError
from deeplab_tf.serving.label_files import MAX_UNANSWERED, label_files
from tests.data.fakes import png_bytes
from tests.serving.fakes import KINDS, Raw, Refusal, imagewise, make_client

SPEC = DatasetSpec("ten", tuple("0123456789"))
SIZES = {"a": (8, 5), "b": (6, 9), "c": (7, 4), "d": (5, 5)}
WIDTH, HEIGHT = SIZES["b"]
GREY, RGB = 0, 2


def image(width, height):
    return png_bytes(np.zeros([height, width, 3], np.uint8), 8, RGB)


def size_of(content):
    return Image.open(io.BytesIO(content)).size


def labels_of(width, height):
    return encode_label(np.full([height, width], width, np.uint8))


def claims_gigabytes():
    """A grey PNG of few bytes, of whose header every decoder believes the size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, GREY, 0, 0, 0)
    content = labels_of(1, 1)
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def failing_for_b(failure):
    """Gives b a response of its own, and every other image labels that are its width everywhere."""

    def response_of(content):
        return failure if size_of(content) == SIZES["b"] else labels_of(*size_of(content))

    return response_of


@pytest.fixture
def jobs(tmp_path):
    for name, size in SIZES.items():
        (tmp_path / f"{name}.png").write_bytes(image(*size))
    return plan_jobs(str(tmp_path), tmp_path / "out")


def assert_only_b_has_no_labels(jobs):
    for job in jobs:
        if job.source.stem == "b":
            assert not job.target.exists()
        else:
            width, height = SIZES[job.source.stem]
            np.testing.assert_array_equal(read_label(job.target), np.full([height, width], width))


SIXTEEN_BITS = png_bytes(np.full([HEIGHT, WIDTH], 256), 16, GREY)
FAILURES = {
    "wrong model": (Refusal("NOT_FOUND", 404, "Servable not found"), "Servable not found"),
    "out of order": (Refusal("INTERNAL", 500, "<h1>\n\tno\x1b[2J</h1>"), r"<h1> no \[2J</h1>"),
    "no message": (Raw(b"\xff\xff{"), "localhost"),
    "another message": (Raw(b""), "localhost"),
    "too late": (5.0, "no response within the deadline of 3 s"),
}
BAD_LABELS = {
    "no image": (b"no", "cannot be read .*neither a JPEG nor a PNG"),
    "another image's": (labels_of(9, 6), "labels of 9x6 pixels for an image of 6x9"),
    "colours": (image(WIDTH, HEIGHT), "cannot be read .*holds colours"),
    "cut off": (labels_of(WIDTH, HEIGHT)[:45], "cannot be read .*broken or cut off"),
    "a JPEG's start": (b"\xff\xd8\xff\xe0", "cannot be read"),
    "no class": (
        encode_label(np.full([HEIGHT, WIDTH], 10, np.uint8)),
        "label 10 is none of the 10 classes of 'ten'",
    ),
    "16 bits": (SIXTEEN_BITS, "labels of more than 8 bits"),
    "gigabytes": (claims_gigabytes(), "labels of 20000x20000 pixels for an image of 6x9"),
}
OVER_REST = {
    "nested": (Raw(b"[" * 100_000), "this is not TF Serving's response"),
    "an error that is nested": (Raw(b'{"error":' * 100_000), "this is not TF Serving's response"),
    "no UTF-8": (Raw(b'{"a": "\xff"}'), "this is not TF Serving's response"),
    "a number too long": (Raw(b"1" * 5000), "localhost"),
    "another place": (
        Refusal("", 302, "", {"Location": "http://localhost:9/x"}),
        "HTTP 302: redirected to http://localhost:9/x",
    ),
}
CASES = [
    pytest.param(kind, *case, id=f"{kind}-{name}")
    for kind in KINDS
    for name, case in {**FAILURES, **(BAD_LABELS if kind == "grpc" else OVER_REST)}.items()
    if (kind, name) != ("instances", "too late")  # the other kind over REST waits just so
]


@pytest.mark.slow
@pytest.mark.parametrize("kind, failure, message", CASES)
def test_unusable_response_costs_one_image(kind, failure, message, jobs, capfd):
    with imagewise(kind, failing_for_b(failure)) as address:
        client = make_client(address, kind, deadline=3 if failure == 5.0 else 30)
        (problem,) = label_files(client, SPEC, jobs)
    assert problem.startswith(f"{jobs[1].source}: ") and problem.isprintable()
    assert re.search(message, problem)
    assert_only_b_has_no_labels(jobs)
    assert "Traceback" not in capfd.readouterr().err


def test_failed_request_costs_its_own_images(jobs):
    with imagewise("grpc", failing_for_b(Refusal("INTERNAL", 500, "no"))) as address:
        problems = label_files(make_client(address, "grpc"), SPEC, jobs, batch_size=2)
    assert [problem.split(": ")[0] for problem in problems] == [str(j.source) for j in jobs[:2]]
    assert [job.target.exists() for job in jobs] == [False, False, True, True]


# === A server that does not respond ===


class Fake:
    """A client whose requests fail, or do not, as a list says over and over."""

    def __init__(self, failures):
        self.failures, self.count = itertools.cycle(failures), 0

    def label(self, contents):
        if not contents:
            return []
        self.count += 1
        if failure := next(self.failures):
            raise failure
        return [Prediction(None, "no image")] * len(contents)


@pytest.fixture
def many(tmp_path):
    for index in range(100):
        (tmp_path / f"{index:02}.png").write_bytes(image(4, 4))
    return plan_jobs(str(tmp_path), tmp_path / "out")


LATE, AWAY = DeadlineError("late"), UnavailableError("away")


@pytest.mark.parametrize("failures", [[LATE], [AWAY], [LATE, AWAY]])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_server_without_responses_stops_the_run(many, failures, concurrency):
    client, most = Fake(failures), MAX_UNANSWERED * concurrency
    message = rf"(late|away)\. No response to {most} requests in a row.*--resume"
    with pytest.raises(UnavailableError, match=message):
        label_files(client, SPEC, many, concurrency=concurrency)
    assert client.count < most + concurrency


def test_last_response_is_kept(jobs):
    """Its request was under way when the others stopped the run."""
    others = threading.Semaphore(0)

    class Client:
        def label(self, contents):
            if size_of(contents[0]) != SIZES["a"]:
                others.release()
                raise AWAY
            for _ in range(MAX_UNANSWERED * 2):
                others.acquire(timeout=30)
            time.sleep(0.1)  # until the last one is counted
            return [Prediction(np.zeros(SIZES["a"][::-1], np.uint8), "")]

    again = [
        job._replace(target=job.target.with_name(f"{i}.png")) for i in range(3) for job in jobs
    ]
    with pytest.raises(UnavailableError, match="requests in a row"):
        label_files(Client(), SPEC, [again[0], *again[1:4], *again[5:8]], concurrency=2)
    assert [path.name for path in jobs[0].target.parent.iterdir()] == ["0.png"]


@pytest.mark.parametrize("failure", [LATE, AWAY])
@pytest.mark.parametrize("between", [None, ServingError("refused")])
def test_missing_responses_between_others_do_not_stop_the_run(many, failure, between):
    client = Fake([failure] * (MAX_UNANSWERED - 1) + [between])
    problems = label_files(client, SPEC, many, concurrency=1)
    assert client.count == len(problems) == 100
    assert sum("late" in problem or "away" in problem for problem in problems) == 67


def test_unreadable_image_is_no_response(many):
    for job in many[::2]:
        job.source.unlink()
    client = Fake([LATE])
    with pytest.raises(UnavailableError):
        label_files(client, SPEC, many, concurrency=1)
    assert client.count == MAX_UNANSWERED


def test_few_late_responses_are_a_line_each_and_an_absent_server_is_one(jobs):
    problems = label_files(Fake([LATE]), SPEC, jobs)
    assert problems == [f"{job.source}: late" for job in jobs]
    with pytest.raises(UnavailableError, match="away"):
        label_files(Fake([AWAY]), SPEC, jobs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_mute_host_stops_the_run_soon(kind, many):
    """A socket that takes connections and no more."""
    with socket.create_server(("localhost", 0), backlog=64) as mute:
        client = make_client(f"localhost:{mute.getsockname()[1]}", kind, deadline=0.2)
        start = time.monotonic()
        with pytest.raises(UnavailableError, match="requests in a row"):
            label_files(client, SPEC, many, concurrency=2)
        client.close()
    assert time.monotonic() - start < 10 * MAX_UNANSWERED * 0.2


# === Files ===


def test_unreadable_file_is_named_once(jobs):
    jobs[1].source.unlink()
    with imagewise("grpc", failing_for_b(b"")) as address:
        (problem,) = label_files(make_client(address, "grpc"), SPEC, jobs)
    assert problem == f"{jobs[1].source}: cannot be read (No such file or directory)."
    assert_only_b_has_no_labels(jobs)


def test_file_deleted_meanwhile_costs_one_image(jobs):
    """Its overlay is painted from the file."""

    def response_of(content):
        if size_of(content) == SIZES["b"]:
            jobs[1].source.unlink()
        return labels_of(*size_of(content))

    with imagewise("grpc", response_of) as address:
        (problem,) = label_files(
            make_client(address, "grpc"), SPEC, jobs, formats=("png", "overlay")
        )
    assert problem.startswith(f"{jobs[1].source}: cannot be read")
    assert_only_b_has_no_labels(jobs)
    assert [job.file("overlay").exists() for job in jobs] == [True, False, True, True]
