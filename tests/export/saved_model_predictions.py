"""Writes a SavedModel with the CRF, requests and the predictor's labels for saved_model_smoke.py.

python -m tests.export.saved_model_predictions FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np

import deeplab_tf
from deeplab_tf.data.image import image_pixels
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.export import export_saved_model
from tests.export.encoded_images import encoded, png_that_claims
from tests.models.narrow import uncertain_model

CRF = {"iterations": 3, "bilateral_sigma_rgb": 30.0}


def main(folder: Path):
    scenes = [draw_scene("val", index)[0] for index in range(3)]
    predictor = deeplab_tf.Predictor(uncertain_model(scenes[0][None]), CRF, (0.5, 1.0), flip=True)
    export_saved_model(predictor, folder / "saved_model" / "1")
    contents = [encoded(scenes[0]), encoded(scenes[1], "jpeg"), encoded(scenes[2])]
    for index, content in enumerate(contents):
        (folder / f"request_{index}").write_bytes(content)
        np.save(folder / f"labels_{index}.npy", predictor(image_pixels(content, "scene")))
    bad = {"empty": b"", "too large": png_that_claims(30000, 30000), "broken": contents[1][:-900]}
    for index, content in enumerate(bad.values(), len(contents)):
        (folder / f"request_{index}").write_bytes(content)
    (folder / "errors.json").write_text(json.dumps(["", "", "", *bad]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
