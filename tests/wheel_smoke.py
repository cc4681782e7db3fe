"""Shows that the installed package works outside the checkout; .ci/run calls it."""

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image

import deeplab_tf

ROOT = Path(__file__).resolve().parents[1]

STEPS = ("train.steps=2", "train.checkpoint_every=2", "train.eval_every=2", "train.eval_limit=2")


def main():
    folder = Path(deeplab_tf.__file__).parent
    if folder.parent == ROOT:
        raise SystemExit(f"this is the checkout, not an installed package: {folder}")
    assert metadata.version("deeplab_tf") == deeplab_tf.__version__
    assert (folder / "py.typed").is_file()
    assert not {"benchmarks", "tests", "tools", "zoo"} & {p.name for p in folder.parent.iterdir()}
    deeplab = Path(sys.executable).with_name("deeplab")
    label_with_what_is_inside()
    with tempfile.TemporaryDirectory() as workdir:
        run(deeplab, "--version")
        train = [
            "train",
            "--config=zoo:quickstart",
            "--data_dir=synthetic",
            f"--workdir={workdir}/r",
        ]
        run(deeplab, *train, *(f"--config.{step}" for step in STEPS))
        evaluate = [f"--workdir={workdir}/r", "--data_dir=synthetic", "--limit=2", "--crf"]
        run(deeplab, "evaluate", *evaluate)
        run(deeplab, "export", f"--model={workdir}/r/model.keras", f"--output={workdir}/saved/1")
        assert deeplab_tf.load(f"{workdir}/saved/1").spec.name == "synthetic"
    print(f"deeplab_tf {deeplab_tf.__version__} works from {folder}")


def label_with_what_is_inside():
    """A trained network of the wheel, without a connection: nothing answers at port 9."""
    os.environ["DEEPLAB_TF_WEIGHTS_URL"] = "http://127.0.0.1:9"
    with tempfile.TemporaryDirectory() as home:
        os.environ["DEEPLAB_TF_HOME"] = home
        model = deeplab_tf.from_preset("camvid_efficientnet_lite0_v3plus")
        assert not list(Path(home).iterdir())
    with Image.open(ROOT / "docs/images/camvid.png") as image:  # a street, and its labels beside
        street = np.asarray(image.convert("RGB"))[:225, :300]
    labels = deeplab_tf.Predictor(model)(street)
    places = {"sky": labels[5:50, 135:165], "road": labels[190:, 120:280]}
    for name, region in places.items():
        assert np.mean(region == model.spec.class_names.index(name)) > 0.9, name


def run(*command):
    print("$", *command, flush=True)
    subprocess.run([*map(str, command)], check=True)


if __name__ == "__main__":
    main()
