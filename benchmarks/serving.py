"""Measures an exported model behind a server: latency of each route, predictions under load."""

from __future__ import annotations

import io
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.serving_load import run_load
from benchmarks.serving_process import Server, require_server, running_server
from benchmarks.timing import seconds_of
from deeplab_tf.data.image import image_pixels
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.saved_model import export_saved_model
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.serving import GrpcClient, RestClient

NAME = "deeplab"
WIDTH, HEIGHT = 500, 375
PREDICTOR = "Predictor"


def run(model: DeepLab, split: Split, repeats: int, requests: int) -> dict:
    """Exports a model without and with its CRF, serves it, and measures both.

    The server is that of the tests, which has TF Serving's interface but is written in Python.

    Args:
        model: a trained DeepLab.
        split: gives the images.
        repeats: rounds of the latencies, whose median is reported.
        requests: number of requests of the load test, with the CRF.

    Returns:
        Latencies without and with the CRF, and figures of the load.

    Raises:
        ValueError: the server cannot be started.
    """
    require_server()  # exports take minutes
    images = [example["image"].numpy() for example in evaluation_dataset(split, 20)]
    results = {}
    for name, crf in (("without CRF", None), ("with CRF", model.crf or {})):
        predictor = Predictor(model, crf)
        with tempfile.TemporaryDirectory() as folder:
            saved = export_saved_model(predictor, Path(folder) / NAME / "1")
            with running_server(saved.parent, NAME) as server:
                results[name] = latency(predictor, saved, server, images[0], repeats)
                _report(name, results[name], repeats)
                if crf is not None:
                    results["load"] = run_load(predictor, server, images, requests)
                    print(json.dumps(results["load"], indent=2))
    return results


def latency(
    predictor: Predictor, saved: Path, server: Server, image: np.ndarray, repeats: int
) -> dict:
    """Measures the time from one JPEG of 500x375 to its label PNG by several routes in turn.

    Args:
        predictor: the exported one.
        saved: folder of the SavedModel.
        server: serves the SavedModel.
        image: uint8 RGB [H, W, 3].
        repeats: number of rounds.

    Returns:
        By route: seconds, overheads as fractions of the predictor's time, and the fraction of
        equal labels.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).resize((WIDTH, HEIGHT)).save(buffer, "jpeg", quality=95)
    content = buffer.getvalue()
    signature = tf.saved_model.load(str(saved)).signatures["serving_default"]
    grpc_client = GrpcClient(f"localhost:{server.grpc}", NAME)
    rest_client = RestClient(f"localhost:{server.rest}", NAME)

    def in_process():
        labels = predictor(image_pixels(content, "the image"))
        tf.io.encode_png(labels[..., None])
        return labels

    def by_signature():
        return _labels(signature(image_bytes=tf.constant([content]))["label_png_bytes"][0])

    routes: dict[str, Callable[[], np.ndarray | None]] = {
        PREDICTOR: in_process,
        "SavedModel": by_signature,
        "gRPC": lambda: grpc_client.label([content])[0].labels,
        "REST": lambda: rest_client.label([content])[0].labels,
    }
    rounds = [
        {name: seconds_of(route) for name, route in routes.items()} for _ in range(repeats + 2)
    ][2:]  # the first call traces, the second may still allocate
    predictions = {name: route() for name, route in routes.items()}
    return {
        "seconds": {name: statistics.median(one[name] for one in rounds) for name in routes},
        "overhead": {
            name: statistics.median(one[name] / one[PREDICTOR] for one in rounds) - 1
            for name in routes
        },
        "equal_labels": {
            name: float(np.mean(found == predictions[PREDICTOR]))
            for name, found in predictions.items()
        },
    }


def _labels(png: tf.Tensor) -> np.ndarray:
    return tf.io.decode_png(png)[..., 0].numpy()


def _report(name: str, result: dict, repeats: int):
    print(f"{name}: JPEG of {WIDTH}x{HEIGHT} to label PNG, median of {repeats} rounds")
    for route, seconds in result["seconds"].items():
        overhead, equal = result["overhead"][route], result["equal_labels"][route]
        print(f"{route:<12}{seconds:8.3f} s{100 * overhead:+8.1f} %{100 * equal:12.4f} % equal")
