"""Turns an archive into TFRecord shards: in several processes, checked, resumable.

A shard is the unit of work. It appears under its name only when it is whole, and a small record
in ``.finished`` says what it was made from, so that a run that was killed goes on where it
stopped and a second run has nothing to do. ``dataset.json``, without which nothing can read the
shards, is removed first and written last.
"""

import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.example_checks import Part, inspect_example, raise_report
from deeplab_tf.data.files import PART_ENDING, make_folder, write_atomically
from deeplab_tf.data.image import read_image
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.sources import Item, Source, open_source
from deeplab_tf.data.spec import FILE_NAME, DataError, DatasetSpec, Shard
from deeplab_tf.data.tfrecord_shards import encode_example, file_hash, write_shard
from deeplab_tf.data.worker_pool import workers

EXAMPLES_PER_SHARD = 50
_FINISHED = ".finished"
# Counts up when the same files would give other shards.
_VERSION = 1


class Conversion(NamedTuple):
    """What a conversion did.

    Attributes:
        spec: the content of ``dataset.json``.
        written: number of shards that were written.
        kept: number of shards that an earlier run had finished.
        warnings: splits whose number of examples is not the published one.
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
) -> Conversion:
    """Writes shards and, last, ``dataset.json``.

    Args:
        dataset: one of ``sources.SOURCES``.
        source: where the archive was unpacked.
        output: folder to write; one that an interrupted run left is completed.
        processes: how many work at once; as many as there are processors if left out.
        examples_per_shard: at most so many are in one file.
        progress: wraps the finished shards, such as ``cli.progress_bar``.

    Returns:
        What was done.

    Raises:
        DataError: one report of all that is wrong with the archive; there is no
            ``dataset.json`` then. Or the output folder holds another data set.
        ValueError: a shard would replace a file that no conversion has written.
    """
    source, output = user_path(source), user_path(output)
    archive = open_source(dataset, source)
    _check_output(source, output, archive.spec.name)
    tasks = _plan(archive, output, examples_per_shard)
    _claim_folder(output, tasks)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        done = dict(zip(tasks, pool.map(_finished_shard, tasks), strict=True))
    todo = [task for task in tasks if done[task] is None]
    if todo:
        (output / FILE_NAME).unlink(missing_ok=True)
    problems = _name_problems(archive)
    with workers(processes, len(todo)) as run:
        for task, (shard, found) in progress(run(_work, todo), total=len(todo), unit="shard"):
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
    return Conversion(spec, len(todo), len(tasks) - len(todo), _count_warnings(archive))


@dataclasses.dataclass(frozen=True)
class _Task:
    """A shard to be made; two are the same when they would make the same file."""

    split: str
    path: Path
    fingerprint: str
    archive: Source = dataclasses.field(compare=False)
    items: Sequence[Item] = dataclasses.field(compare=False)

    @property
    def record(self) -> Path:
        return self.path.parent / _FINISHED / f"{self.path.name}.json"


def _plan(archive: Source, output: Path, examples_per_shard: int) -> list[_Task]:
    tasks = []
    for split, items in archive.splits.items():
        count = -(-len(items) // examples_per_shard)
        bounds = [i * len(items) // count for i in range(count + 1)]
        bare = dataclasses.replace(archive, splits={})
        for number in range(count):
            chosen = list(items[bounds[number] : bounds[number + 1]])
            path = output / f"{split}-{number:05d}-of-{count:05d}.tfrecord"
            tasks.append(_Task(split, path, _fingerprint(archive, chosen), bare, chosen))
    return tasks


def _fingerprint(archive: Source, items: Sequence[Item]) -> str:
    """Changes with the examples of a shard, their files and the way they are read."""
    reader = archive.read_label
    values = [
        _VERSION,
        archive.spec.to_dict(),
        [str(getattr(reader, name, "")) for name in ("args", "keywords")],
        [[item.name, _stamp(item.image), _stamp(item.label)] for item in items],
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        status = os.stat(path) if path else None
    except OSError:
        return None
    return status and (status.st_size, status.st_mtime_ns)


def _finished_shard(task: _Task) -> Shard | None:
    """The shard of an earlier run, if it is whole and made of the same examples."""
    try:
        record = read_json(task.record)
        shard = Shard(**record["shard"])
        same = record["fingerprint"] == task.fingerprint and file_hash(task.path) == shard.sha256
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return shard if same else None


def _work(task: _Task) -> tuple[_Task, tuple[Shard | None, list[str]]]:
    """Makes one shard; runs in a process of its own."""
    problems: list[str] = []
    try:
        shard = write_shard(task.path, _records(task, problems))
    except DataError as error:  # without problems it is the name that cannot be written
        return task, (None, problems or [str(error)])
    record = {"fingerprint": task.fingerprint, "shard": shard._asdict()}
    write_atomically(task.record, json.dumps(record).encode())
    return task, (shard, [])


def _records(task: _Task, problems: list[str]) -> Iterator[bytes]:
    for item in task.items:
        image = Part(str(item.image), partial(read_image, item.image, refuse_turned=True))
        label = None
        if item.label is not None:
            label = Part(str(item.label), partial(task.archive.read_label, item.label))
        found, pixels, ids = inspect_example(image, label, task.archive.spec)
        problems += found
        if not problems:
            assert pixels is not None  # else there is a problem
            labels = None if ids is None else ids.astype(np.uint8)
            yield encode_example(item.name, item.image.read_bytes(), pixels.shape[:2], labels)
    if problems:
        raise DataError("The shard would not be whole.")


def _check_output(source: Path, output: Path, name: str) -> None:
    if output.resolve() == source.resolve():
        raise DataError(f"{output}: the output folder is the source; give another one.")
    if not (output / FILE_NAME).exists():
        return
    found = DatasetSpec.load(output).name
    if found != name or not (output / _FINISHED).is_dir():
        raise DataError(f"{output}: holds another data set ({found}); give another output folder.")


def _claim_folder(output: Path, tasks: Sequence[_Task]) -> None:
    """Takes the folder as ours; whatever is in it then is ours, finished or not."""
    is_ours = (output / _FINISHED).is_dir()
    advice = "Give another --output."
    check_outputs({task.path: lambda file: is_ours for task in tasks}, advice=advice)
    make_folder(output / _FINISHED)


def _name_problems(archive: Source) -> list[str]:
    return [
        f"split {split!r}: {name!r} is listed twice."
        for split, items in archive.splits.items()
        for name, count in Counter(item.name for item in items).items()
        if count > 1
    ]


def _count_warnings(archive: Source) -> list[str]:
    found = {split: len(archive.splits.get(split, ())) for split in archive.known_counts}
    return [
        f"split {split!r} has {found[split]} images, the published one {known}."
        for split, known in archive.known_counts.items()
        if found[split] != known
    ]


def _describe(archive: Source, done: dict[_Task, Shard]) -> DatasetSpec:
    shards = {
        split: tuple(shard for task, shard in done.items() if task.split == split)
        for split in archive.splits
    }
    counts = {split: len(items) for split, items in archive.splits.items()}
    return dataclasses.replace(archive.spec, splits=counts, shards=shards)


def _clean(output: Path, wanted: set[str]) -> None:
    """Removes what a killed run left half-written, and shards of another plan."""
    for folder in (output, output / _FINISHED):
        for path in folder.glob(f".*{PART_ENDING}"):
            path.unlink()
    for record in (output / _FINISHED).glob("*.json"):
        if record.stem not in wanted:
            (output / record.stem).unlink(missing_ok=True)
            record.unlink()
