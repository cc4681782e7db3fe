"""Prints what `make quickstart` reached: metrics before and after the CRF, and where things lie."""

from pathlib import Path

from deeplab_tf import cli

WORKDIR = cli.define_path_flag("workdir", "Folder of the quick start.", default="runs/quickstart")


def main():
    from deeplab_tf.data.json_file import read_json
    from deeplab_tf.evaluation.evaluate import format_table

    workdir = Path(WORKDIR.value)
    file = workdir / "eval-val" / "metrics.json"
    try:
        results = read_json(file)
        table, gain = format_table(results), 100 * (results["crf"]["miou"] - results["miou"])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file}: not the metrics before and after the CRF that make quickstart writes "
            f"({type(error).__name__}: {error})."
        ) from error
    print(table)
    print(f"the CRF changed the mIoU by {gain:+.2f} points")
    print(f"model:      {workdir / 'model.keras'}")
    print(f"SavedModel: {workdir / 'saved_model' / '1'}")
    for overlay in sorted((workdir / "predictions").glob("*_overlay.png")):
        print(f"overlay:    {overlay}")


if __name__ == "__main__":
    cli.run(main)
