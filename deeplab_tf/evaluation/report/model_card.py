"""A model card in Markdown: what a network was trained on and how, and how well it labels."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.formatting import percent
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.own_files import is_text_with
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.plotting import plot_style
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.side_by_side import side_by_side
from deeplab_tf.models.loading import is_workdir

CARD, CURVE, STRIP = "card.md", "card-curve.png", "card-{}-{}.jpg"
_MARK = "<!-- deeplab_tf model card -->"
_SHOWN = 2  # images of the best and of the worst
# IoU below which a class is listed among what the network does not do well.
_WEAK = 0.5
_TRAIN_KEYS = (
    "steps", "batch_size", "optimizer", "policy", "learning_rate", "loss", "ema_decay", "precision",
)  # fmt: skip


class Training(NamedTuple):
    """What a card says of a training: the name of its folder, its `config.json` and metrics."""

    name: str
    config: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]


def read_training(run: str | os.PathLike) -> Training:
    """Reads the work directory of a training.

    Raises:
        OSError, ValueError: it is none, or its configuration or metrics cannot be read.
    """
    run = user_path(run)
    if not is_workdir(run):
        raise ValueError(f"{run}: not the work directory of a training: it has no config.json.")
    return Training(run.name, read_json(run / "config.json"), _read_lines(run / "metrics.jsonl"))


def write_card(
    results: Mapping[str, Any],
    examples: Mapping[str, Sequence[Mapping[str, Any]]],
    spec: DatasetSpec,
    training: Training,
    output: str | os.PathLike,
    command: str,
    notes: str = "",
) -> Path:
    """Writes `card.md`, the curve of the training, and images that are labelled well and badly.

    Args:
        results: the content of `metrics.json`.
        examples: `best` and `worst`, as `Report.examples` has them.
        spec: the data set of the evaluation.
        training: from `read_training`.
        output: folder; files of an earlier card in it are replaced.
        command: that made the evaluation.
        notes: Markdown for the end, such as limits and licences.

    Returns:
        The card.
    """
    output = user_path(output)
    name, config, lines = training
    write_atomically(output / CURVE, draw_curve(lines))
    strips = {}
    for which, rows in examples.items():
        for place, example in enumerate(rows[:_SHOWN], start=1):
            strips[STRIP.format(which, place)] = example
            write_atomically(output / STRIP.format(which, place), _encode(example["images"]))
    parts = [
        f"{_MARK}\n# {name}",
        _network(config["model"], spec),
        "## Training\n\n" + _training(config, lines) + f"\n\n![Loss and mIoU by step]({CURVE})",
        "## Metrics\n\n" + _metrics(results) + f"\n\nMeasured with `{command}`.",
        "## Images\n\n" + "\n\n".join(_caption(file, strips[file]) for file in strips),
        "## Limits\n\n" + _limits(results),
        notes,
    ]
    text = "\n\n".join(part.strip() for part in parts if part)
    write_atomically(output / CARD, f"{text}\n".encode())
    return output / CARD


def owners(output: str | os.PathLike) -> dict[Path, Callable[[Path], bool]]:
    """Returns what `write_card` writes into a folder, as `check_outputs` takes it.

    The images are ours where the card is.

    Args:
        output: the folder.
    """
    card = user_path(output) / CARD
    places = [(which, place) for which in ("best", "worst") for place in range(1, _SHOWN + 1)]
    files = [card, card.with_name(CURVE), *(card.with_name(STRIP.format(*p)) for p in places)]
    return dict.fromkeys(files, lambda file: is_text_with(_MARK)(card))


def draw_curve(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Draws loss and validation mIoU over the steps of a run.

    Args:
        lines: of `metrics.jsonl`.

    Returns:
        The bytes of a PNG.
    """
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    scores = [(line["step"], 100 * line["miou"]) for line in lines if "miou" in line]
    stream = io.BytesIO()
    with plot_style({"font.size": 9, "lines.linewidth": 1.5}):
        figure = Figure(figsize=(6, 2.6), layout="constrained")
        left = figure.add_subplot()
        left.plot(*np.transpose(losses or [(np.nan, np.nan)]), color="#868b94")
        left.set(xlabel="step", ylabel="loss", ylim=(0, None))
        right = left.twinx()
        right.plot(*np.transpose(scores or [(np.nan, np.nan)]), "o-", color="#2f7fd1")
        right.set_ylabel("validation mIoU in %", color="#2f7fd1")
        figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Reads metrics.jsonl."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise ValueError(f"{path}: not the metrics of a run ({error}).") from error


def _encode(images: Mapping[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(side_by_side(images.values())).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _network(model: Mapping, spec: DatasetSpec) -> str:
    return (
        f"DeepLab with the head `{model['head']}` on `{model['backbone']}`, output stride "
        f"{model['output_stride']}, first weights `{model['weights']}`. It labels the "
        f"{spec.num_classes} classes of {spec.name}: {', '.join(spec.class_names)}."
    )


def _training(config: Mapping, lines: Sequence[Mapping]) -> str:
    train = config["train"]
    values = {f"train.{key}": train[key] for key in _TRAIN_KEYS}
    values["data.augmentation"] = config["data"]["augmentation"]
    minutes = _seconds(lines, train["batch_size"] * train["iter_size"]) / 60
    if train.get("phases"):
        values["train.phases"] = train["phases"]
    listed = [f"- `{key}`: `{value}`" for key, value in values.items()]
    return "\n".join([*listed, f"- time of the steps: {minutes:.0f} minutes"])


def _seconds(lines: Sequence[Mapping], images: int) -> float:
    """Returns how long the logged steps took, from the images per second of each line."""
    total, before = 0.0, 0
    for line in lines:
        if "images_per_second" in line:
            total += (line["step"] - before) * images / line["images_per_second"]
            before = line["step"]
    return total


def _stages(results: Mapping) -> dict[str, Mapping]:
    return {"IoU": results} | ({"after the CRF": results["crf"]} if "crf" in results else {})


def _metrics(results: Mapping) -> str:
    stages = _stages(results)
    rows = [["class", *stages], ["---"] * (1 + len(stages))]
    for name in results["per_class_iou"]:
        shares = [percent(stage["per_class_iou"][name]) for stage in stages.values()]
        rows.append([name.replace("|", "\\|"), *shares])
    titles = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy", "boundary IoU": "boundary_iou"}
    for title, key in titles.items():
        if key in results:
            rows.append([f"**{title}**", *(percent(s[key]) for s in stages.values())])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{results['images']} images of the split `{results['split']}`, in per cent:\n\n{table}"


def _caption(file: str, example: Mapping) -> str:
    which = "Labelled well" if "best" in file else "Labelled badly"
    accuracy = percent(example["accuracies"][-1], 1)
    parts = ", ".join(example["images"])
    return f"{which}, {accuracy} % of the pixels: {parts}.\n\n![{which}]({file})"


def _limits(results: Mapping) -> str:
    last = list(_stages(results).values())[-1]["per_class_iou"]
    weak = sorted((iou, name) for name, iou in last.items() if iou is not None and iou < _WEAK)
    if not weak:
        return f"No class has an IoU below {percent(_WEAK, 0)} %."
    listed = ", ".join(f"{name} ({percent(iou, 1)})" for iou, name in weak)
    return f"Classes with an IoU below {percent(_WEAK, 0)} %: {listed}."
