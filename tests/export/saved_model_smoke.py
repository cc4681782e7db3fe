"""Compares a SavedModel with stored labels where there is TensorFlow alone; .ci/run calls it.

python -P saved_model_smoke.py FOLDER, with what saved_model_predictions.py wrote.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf


def main(folder: Path):
    if importlib.util.find_spec("deeplab_tf"):
        raise SystemExit("deeplab_tf can be imported here, so this shows nothing")
    loaded = tf.saved_model.load(str(folder / "saved_model" / "1"))
    wanted = json.loads((folder / "errors.json").read_text())
    requests = [(folder / f"request_{index}").read_bytes() for index in range(len(wanted))]
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(requests))
    errors = [error.decode() for error in found["error"].numpy()]
    if not all(error.startswith(start) for error, start in zip(errors, wanted, strict=True)):
        raise SystemExit(f"expected errors {wanted}, received {errors}")
    good = [index for index, error in enumerate(errors) if not error]
    if len(good) != wanted.count(""):
        raise SystemExit(f"expected {wanted.count('')} good images, received {len(good)}")
    for index in good:
        labels = np.load(folder / f"labels_{index}.npy")
        by_bytes = tf.io.decode_png(found["label_png_bytes"][index])[..., 0]
        image = tf.io.decode_jpeg(requests[index], channels=3, dct_method="INTEGER_ACCURATE")
        by_tensor = loaded.signatures["predict_tensor"](images=image[None])["labels"][0]
        for prediction in (by_bytes, by_tensor):
            equal = np.mean(prediction == labels)
            if prediction.shape != labels.shape or equal < 0.9999:
                raise SystemExit(f"request {index}: {100 * equal:.3f} % of the labels are right")
    counts = f"{len(good)} images labelled alike and {len(errors) - len(good)} refused"
    print(f"{counts} by TensorFlow {tf.__version__} alone")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
