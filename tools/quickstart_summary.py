"""Prints what `make quickstart` reached: scores before and after the CRF, and where things lie."""

import json
from pathlib import Path

from deeplab_tf import cli

WORKDIR = cli.define_path_flag("workdir", "Folder of the quick start.", default="runs/quickstart")


def main():
    from deeplab_tf.evaluation.evaluate import format_table

    workdir = Path(WORKDIR.value)
    results = json.loads((workdir / "eval-val" / "metrics.json").read_text())
    print(format_table(results))
    gain = 100 * (results["crf"]["miou"] - results["miou"])
    print(f"the CRF changed the mIoU by {gain:+.2f} points")
    print(f"model:      {workdir / 'model.keras'}")
    print(f"SavedModel: {workdir / 'saved_model' / '1'}")
    for overlay in sorted((workdir / "predictions").glob("*_overlay.png")):
        print(f"overlay:    {overlay}")


if __name__ == "__main__":
    cli.run(main)
