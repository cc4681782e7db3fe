"""Searches the CRF's parameters on cached logits, going on where a killed search stopped."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split import Split
from deeplab_tf.data.tfrecord_shards import file_hash
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.tuning.cached_logits import CachedLogits
from deeplab_tf.tuning.candidates import CandidateEvaluator
from deeplab_tf.tuning.search import GRIDS, Candidate, coarse_to_fine


def search_folder(
    beside: str | os.PathLike,
    model_file: str | os.PathLike,
    data_dir: str | os.PathLike,
    split: Split,
    tuning: list[int],
    start: CrfParameters,
) -> Path:
    """Returns the folder where a search keeps logits and results.

    The folder's name is a digest of all that the results depend on: the model's bytes, the data
    set, the images and the parameters to start from. So the same search finds its results
    again, and another one none.

    Args:
        beside: file for the tuned parameters.
        model_file: the `.keras` file.
        data_dir: as for `open_split`.
        split: images to tune on.
        tuning: their indices.
        start: parameters to start from.
    """
    settings = {
        "model": file_hash(user_path(model_file)),
        "data_dir": str(user_path(data_dir).resolve()),
        "dataset": split.spec.to_dict(),
        "images": [split.split, *(split.names[i] for i in tuning)],
        "crf": start.to_dict(),
    }
    digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()
    return user_path(beside).with_suffix(".search") / digest[:16]


def search(
    examples: CachedLogits,
    start: CrfParameters,
    folder: str | os.PathLike,
    progress: Callable,
    workers: int,
    grid: str = "v2",
    budget: int = 64,
) -> dict[Candidate, float]:
    """Searches the parameters of the highest mIoU, going on where an earlier search stopped.

    Args:
        examples: images to tune on.
        start: tried first; what is not searched stays as it is here.
        folder: for the results, written anew when candidates of the same sigmas are done.
        progress: makes a progress bar, such as `cli.progress_bar`.
        workers: as for `CandidateEvaluator`.
        grid: name of a row of `GRIDS`.
        budget: number of candidates.

    Returns:
        The mIoU in fast mode by candidate.

    Raises:
        DataError: the file of an earlier search's results is broken.
    """
    file = user_path(folder) / "candidates.json"
    known = _read_results(file) if file.exists() else {}
    runs = max(0, budget - len(known)) * len(examples)
    spec = examples.spec
    new_metric = functools.partial(ConfusionMatrix, spec.num_classes, spec.ignore_label)
    with progress(None, total=runs, unit="CRF run") as bar:
        evaluate = CandidateEvaluator(
            examples, spec.num_classes, start, new_metric, workers, bar.update
        )

        def mious_of(candidates: Iterable[Candidate]) -> list[float]:
            for group, mious in evaluate([c for c in candidates if c not in known]):
                known.update(zip(group, mious, strict=True))
                rows = [[*candidate, miou] for candidate, miou in known.items()]
                write_atomically(file, json.dumps(rows).encode())
            return [known[candidate] for candidate in candidates]

        first = Candidate(*(getattr(start, name) for name in Candidate._fields))
        return coarse_to_fine(mious_of, first, GRIDS[grid], budget)


def _read_results(file: Path) -> dict[Candidate, float]:
    try:
        return {Candidate(*values): miou for *values, miou in read_json(file)}
    except (ValueError, TypeError) as error:
        raise DataError(f"{file}: broken ({error}). Remove it to search anew.") from error
