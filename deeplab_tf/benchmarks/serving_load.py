"""Many clients at once, of whom some send broken pictures."""

from __future__ import annotations

import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.benchmarks.serving_process import Server
from deeplab_tf.data.image import image_pixels
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.serving import Answer, GrpcClient

CLIENTS = 8
# Different pictures; each is sent as often as it takes.
PICTURES = 100
SMALLEST, LARGEST = (160, 120), (480, 360)
_DEADLINE = 600  # seconds


def run_load(predictor: Predictor, server: Server, photos: list, requests: int) -> dict:
    """Sends requests from concurrent clients and compares every answer.

    Args:
        predictor: what the server serves, for the right answers.
        server: to call.
        photos: uint8 RGB [H, W, 3], at least as large as the largest picture sent.
        requests: how many.

    Returns:
        Numbers of good and broken pictures, of right answers and of reasoned refusals, the number
        of labels that differ in all, seconds, and the server's megabytes on the way.
    """
    rng = np.random.default_rng(0)
    broken = broken_pictures(photos[0])
    good = [_jpeg(_crop(photos[i % len(photos)], rng)) for i in range(PICTURES - len(broken))]
    pictures = [*good, *broken.values()]
    order = np.concatenate([rng.permutation(PICTURES) for _ in range(-(-requests // PICTURES))])
    order = order[:requests].tolist()
    sent = {index for index in order if index < len(good)}
    wanted = {index: predictor(image_pixels(good[index], "a crop")) for index in sent}
    watch = _MemoryWatch(server, {min(PICTURES, requests), requests})
    clients = threading.local()

    def send(index) -> Answer:
        if not hasattr(clients, "own"):
            clients.own = GrpcClient(f"localhost:{server.grpc}", deadline=_DEADLINE)
        (answer,) = clients.own.label([pictures[index]])
        watch.count()
        return answer

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(send, order))
    seconds = time.perf_counter() - start
    right = refused = different = 0
    for index, (labels, error) in zip(order, answers, strict=True):
        if index >= len(good):
            refused += bool(error)
        elif not error:
            wrong = np.count_nonzero(labels != wanted[index])
            right += not wrong
            different += wrong
    count = sum(index < len(good) for index in order)
    return {
        "clients": CLIENTS,
        "good": count,
        "right": right,
        "different_labels": int(different),
        "broken": requests - count,
        "refused": int(refused),
        "reasons": sorted({answer.error for answer in answers if answer.error}),
        "seconds": seconds,
        "megabytes": watch.megabytes,
    }


def broken_pictures(photo: np.ndarray) -> dict[str, bytes]:
    """Returns what no server can label, by what it is.

    Args:
        photo: uint8 RGB [H, W, 3].
    """
    jpeg, png = _jpeg(photo), bytearray(tf.io.encode_png(photo[:5, :4]).numpy())
    png[16:24] = struct.pack(">II", 30_000, 30_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    return {
        "empty": b"",
        "text": b"not a picture",
        "GIF": b"GIF89a" + bytes(100),
        "cut off": jpeg[: len(jpeg) // 2],
        "a huge size": bytes(png),
    }


def _crop(photo: np.ndarray, rng) -> np.ndarray:
    width, height = rng.integers(SMALLEST, LARGEST, endpoint=True)
    top, left = rng.integers(0, np.subtract(photo.shape[:2], (height, width)), endpoint=True)
    return photo[top : top + height, left : left + width]


def _jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=95)
    return buffer.getvalue()


class _MemoryWatch:
    """Reads a server's memory before the first and after chosen numbers of requests."""

    def __init__(self, server: Server, at: set[int]):
        self._server, self._at, self._done = server, at, 0
        self._lock = threading.Lock()
        self.megabytes = {"0": server.megabytes}

    def count(self):
        with self._lock:
            self._done += 1
            if self._done in self._at:
                self.megabytes[str(self._done)] = self._server.megabytes
