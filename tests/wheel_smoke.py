"""Shows that the installed package works outside the checkout; .ci/run calls it."""

import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import deeplab_tf

STEPS = ("train.steps=2", "train.checkpoint_every=2", "train.eval_every=2", "train.eval_limit=2")


def main():
    folder = Path(deeplab_tf.__file__).parent
    if folder.parent == Path(__file__).resolve().parents[1]:
        raise SystemExit(f"this is the checkout, not an installed package: {folder}")
    assert metadata.version("deeplab_tf") == deeplab_tf.__version__
    assert (folder / "py.typed").is_file()
    assert not {"benchmarks", "tests", "tools", "zoo"} & {p.name for p in folder.parent.iterdir()}
    deeplab = Path(sys.executable).with_name("deeplab")
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


def run(*command):
    print("$", *command, flush=True)
    subprocess.run([*map(str, command)], check=True)


if __name__ == "__main__":
    main()
