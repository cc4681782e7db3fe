"""Converts an archive to TFRecord shards, in several processes and resumable.

A shard is the unit of work. It appears under its name only when it is complete, and a small
record in ``.finished`` says what it was made from, so that a killed run continues where it stopped
and a second run has nothing to do. ``dataset.json``, without which nothing can read the shards, is
removed first and written last.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.example_checks import raise_report
from deeplab_tf.data.files import PART_ENDING, make_folder
from deeplab_tf.data.label_map import map_labels
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.shard_tasks import (
    FINISHED,
    ShardTask,
    finished_shard,
    make_shard,
    plan_shards,
)
from deeplab_tf.data.sources import Source, open_source
from deeplab_tf.data.sources.archive import LINE_WIDTH
from deeplab_tf.data.spec import FILE_NAME, DataError, DatasetSpec, Shard
from deeplab_tf.data.val_share import hold_out
from deeplab_tf.data.worker_pool import workers

EXAMPLES_PER_SHARD = 50


class Conversion(NamedTuple):
    """What a conversion did.

    Attributes:
        spec: the content of ``dataset.json``.
        written: number of shards that were written.
        kept: number of shards that an earlier run had finished.
        warnings: files that are left out, splits whose number of examples is not the published one.
    """

    spec: DatasetSpec
    written: int
    kept: int
    warnings: list[str]


def convert(
    dataset: str,
    source: str | os.PathLike,
    output: str | os.PathLike,
    processes: int | None = None,
    examples_per_shard: int = EXAMPLES_PER_SHARD,
    progress: Callable = lambda shards, total, unit: shards,
    *,
    val_share: float | None = None,
    seed: int = 0,
    group_by: str | None = None,
    label_map: str | os.PathLike | None = None,
    line_width: float = LINE_WIDTH,
) -> Conversion:
    """Writes shards and, last, ``dataset.json``.

    Args:
        dataset: one of ``sources.SOURCES``.
        source: where the archive was unpacked.
        output: folder to write; one that an interrupted run left is completed.
        processes: how many work at once; as many as there are processors if left out.
        examples_per_shard: at most so many are in one file.
        progress: wraps the finished shards, such as ``cli.progress_bar``.
        val_share: of the examples that become a split ``val``; see `hold_out`.
        seed: which ones.
        group_by: regular expression; what it finds in names keeps examples together.
        label_map: file that renames, merges or drops classes; see `map_labels`.
        line_width: of lines and points in annotations, in pixels.

    Returns:
        What was done.

    Raises:
        DataError: one report of all that is wrong with the archive; there is no
            ``dataset.json`` then. Or the output folder holds another data set.
        ValueError: a shard would replace a file that no conversion has written, or an argument is
            wrong.
    """
    source, output = user_path(source), user_path(output)
    archive = dataclasses.replace(open_source(dataset, source), line_width=line_width)
    if label_map is not None:
        archive = map_labels(archive, label_map)
    if val_share is not None:
        archive = hold_out(archive, val_share, seed, group_by)
    _check_output(source, output, archive.spec.name)
    tasks = plan_shards(archive, output, examples_per_shard)
    _claim_folder(output, tasks)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        done = dict(zip(tasks, pool.map(finished_shard, tasks), strict=True))
    todo = [task for task in tasks if done[task] is None]
    if todo:
        (output / FILE_NAME).unlink(missing_ok=True)
    problems = _name_problems(archive)
    with workers(processes, len(todo)) as run:
        for task, (shard, found) in progress(run(make_shard, todo), total=len(todo), unit="shard"):
            done[task] = shard
            problems += found
    if problems:
        (output / FILE_NAME).unlink(missing_ok=True)
    raise_report(
        f"{source}: {{}} problem(s) found, {output} is not complete", sorted(set(problems))
    )
    spec = _describe(archive, {task: shard for task, shard in done.items() if shard is not None})
    _clean(output, {task.path.name for task in tasks})
    if not (output / FILE_NAME).exists() or DatasetSpec.load(output) != spec:
        spec.save(output)
    return Conversion(spec, len(todo), len(tasks) - len(todo), _warnings(archive))


def _check_output(source: Path, output: Path, name: str) -> None:
    if output.resolve() == source.resolve():
        raise DataError(f"{output}: the output folder is the source; give another one.")
    if not (output / FILE_NAME).exists():
        return
    found = DatasetSpec.load(output).name
    if found != name or not (output / FINISHED).is_dir():
        raise DataError(f"{output}: holds another data set ({found}); give another output folder.")


def _claim_folder(output: Path, tasks: Sequence[ShardTask]) -> None:
    """Takes the folder as ours; whatever is in it then is ours, finished or not."""
    is_ours = (output / FINISHED).is_dir()
    advice = "Give another --output."
    check_outputs({task.path: lambda file: is_ours for task in tasks}, advice=advice)
    make_folder(output / FINISHED)


def _name_problems(archive: Source) -> list[str]:
    return [
        f"split {split!r}: {name!r} is listed twice."
        for split, items in archive.splits.items()
        for name, count in Counter(item.name for item in items).items()
        if count > 1
    ]


def _warnings(archive: Source) -> list[str]:
    found = {split: len(archive.splits.get(split, ())) for split in archive.known_counts}
    return [
        *archive.warnings,
        *(
            f"split {split!r} has {found[split]} images, the published one {known}."
            for split, known in archive.known_counts.items()
            if found[split] != known
        ),
    ]


def _describe(archive: Source, done: dict[ShardTask, Shard]) -> DatasetSpec:
    shards = {
        split: tuple(shard for task, shard in done.items() if task.split == split)
        for split in archive.splits
    }
    counts = {split: len(items) for split, items in archive.splits.items()}
    return dataclasses.replace(archive.spec, splits=counts, shards=shards)


def _clean(output: Path, wanted: set[str]) -> None:
    """Removes what a killed run left half-written, and shards of another plan."""
    for folder in (output, output / FINISHED):
        for path in folder.glob(f".*{PART_ENDING}"):
            path.unlink()
    for record in (output / FINISHED).glob("*.json"):
        if record.stem not in wanted:
            (output / record.stem).unlink(missing_ok=True)
            record.unlink()
