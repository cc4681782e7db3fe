"""Sends requests of many clients at once, some with broken images."""

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

from benchmarks.serving_process import Server
from deeplab_tf.data.image import image_pixels
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.serving import GrpcClient, Prediction

CLIENTS = 8
# Number of different images; each is sent several times.
IMAGES = 100
SMALLEST, LARGEST = (160, 120), (480, 360)
_DEADLINE = 600  # seconds


def run_load(
    predictor: Predictor, server: Server, sources: list[np.ndarray], requests: int
) -> dict:
    """Sends requests of concurrent clients and compares every prediction.

    Args:
        predictor: the one that the server serves; computes the labels to compare with.
        server: receives the requests.
        sources: uint8 RGB [H, W, 3], at least as large as the largest image sent.
        requests: number of requests.

    Returns:
        Numbers of good and broken images, of right predictions and of refusals, the total number
        of labels that differ, seconds, and the server's megabytes before, during and after.
    """
    rng = np.random.default_rng(0)
    broken = broken_images(sources[0])
    good = [_jpeg(_crop(sources[i % len(sources)], rng)) for i in range(IMAGES - len(broken))]
    images = [*good, *broken.values()]
    order = np.concatenate([rng.permutation(IMAGES) for _ in range(-(-requests // IMAGES))])
    order = order[:requests].tolist()
    sent = {index for index in order if index < len(good)}
    wanted = {index: predictor(image_pixels(good[index], "a crop")) for index in sent}
    watch = _MemoryWatch(server, {min(IMAGES, requests), requests})
    clients = threading.local()

    def send(index) -> Prediction:
        if not hasattr(clients, "own"):
            clients.own = GrpcClient(f"localhost:{server.grpc}", deadline=_DEADLINE)
        (prediction,) = clients.own.label([images[index]])
        watch.count()
        return prediction

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        predictions = list(pool.map(send, order))
    seconds = time.perf_counter() - start
    right = refused = different = 0
    for index, (labels, error) in zip(order, predictions, strict=True):
        if index >= len(good):
            refused += bool(error)
        elif not error:
            wrong = int(np.count_nonzero(labels != wanted[index]))
            right += not wrong
            different += wrong
    count = sum(index < len(good) for index in order)
    return {
        "clients": CLIENTS,
        "good": count,
        "right": right,
        "different_labels": different,
        "broken": requests - count,
        "refused": refused,
        "reasons": sorted({prediction.error for prediction in predictions if prediction.error}),
        "seconds": seconds,
        "megabytes": watch.megabytes,
    }


def broken_images(image: np.ndarray) -> dict[str, bytes]:
    """Returns files that no server can label, by name.

    Args:
        image: uint8 RGB [H, W, 3], from which some are made.
    """
    jpeg, png = _jpeg(image), bytearray(tf.io.encode_png(image[:5, :4]).numpy())
    png[16:24] = struct.pack(">II", 30_000, 30_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    return {
        "empty": b"",
        "text": b"not an image",
        "GIF": b"GIF89a" + bytes(100),
        "cut off": jpeg[: len(jpeg) // 2],
        "a huge size": bytes(png),
    }


def _crop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    width, height = rng.integers(SMALLEST, LARGEST, endpoint=True)
    top, left = rng.integers(0, np.subtract(image.shape[:2], (height, width)), endpoint=True)
    return image[top : top + height, left : left + width]


def _jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=95)
    return buffer.getvalue()


class _MemoryWatch:
    """Reads a server's memory before the first request and after given numbers of them."""

    def __init__(self, server: Server, at: set[int]):
        self._server, self._at, self._done = server, at, 0
        self._lock = threading.Lock()
        self.megabytes = {"0": server.megabytes}

    def count(self):
        with self._lock:
            self._done += 1
            if self._done in self._at:
                self.megabytes[str(self._done)] = self._server.megabytes
