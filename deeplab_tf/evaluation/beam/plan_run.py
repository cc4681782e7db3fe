"""Plans a run before any worker starts: what is read, what is written, what was done before."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from deeplab_tf.data.paths import expand_path
from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.dead_letters import are_dead_letters
from deeplab_tf.evaluation.beam.image_shards import Shard, cut_into_shards
from deeplab_tf.evaluation.beam.input_images import InputImages, open_input
from deeplab_tf.evaluation.beam.record_files import RECORD_FORMATS
from deeplab_tf.evaluation.beam.run_description import (
    check_description,
    describe_run,
    write_description,
)
from deeplab_tf.evaluation.beam.shard_files import PNG, ShardFiles, check_files
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.shard_record import names_hash, predictor_hash

# What shards are called in a folder that is given without a name for them.
_SHARD_NAME = "labels"
OUTPUT_FORMATS = (PNG, *RECORD_FORMATS)


class RunPlan(NamedTuple):
    """What a run labels and writes.

    Attributes:
        files: what is written.
        images: what is labelled.
        shards: the images, cut into pieces of work.
        resume: whether what is there stays.
    """

    files: ShardFiles
    images: InputImages
    shards: list[Shard]
    resume: bool

    def describe(self, predictor: Predictor) -> dict[str, Any]:
        """Describes the run; see `describe_run`."""
        return describe_run(
            self.files.format,
            self.files.shards,
            predictor.model.spec.class_names,
            names_hash(self.images.names),
            predictor_hash(predictor),
            len(self.images.names),
        )

    def start(self, description: dict[str, Any]) -> None:
        """Checks what --resume goes on with, and removes what the run replaces.

        Args:
            description: of this run.

        Raises:
            ValueError: finished shards are of another run.
            OSError: something cannot be written or removed.
        """
        earlier = self.files.earlier()
        if self.resume and self.files.format != PNG:
            if earlier:
                check_description(self.files.description, description)
        else:
            for file in earlier:
                if storage.is_address(file) or _is_own(Path(file)):
                    storage.remove(file)
        if self.files.format != PNG:
            write_description(self.files.description, description)


def _is_own(file: Path) -> bool:
    """Whether a file may go: a shard, which only --overwrite leaves to be removed, or letters."""
    return file.suffix != ".jsonl" or are_dead_letters(file)


def plan_run(
    source: str,
    output: str,
    format: str = PNG,
    images_per_shard: int = 128,
    resume: bool = False,
    overwrite: bool = False,
    log: Callable[[str], None] = print,
) -> RunPlan:
    """Plans a run.

    Args:
        source: see `open_input`.
        output: a folder for label PNGs; else how the paths of shards begin, or a folder for
            shards that are called `labels`.
        format: one of `OUTPUT_FORMATS`.
        images_per_shard: at most.
        resume: leave out what an earlier run has finished.
        overwrite: replace what is there, whoever wrote it.
        log: receives a line that counts and names files that are left out.

    Raises:
        ValueError: see `open_input` and `check_files`.
        ImportError: Parquet or an object store needs a package.
        OSError: a folder cannot be read, or written into.
    """
    location = output if storage.is_address(output) else expand_path(output)
    if format != PNG:
        RECORD_FORMATS[format].require()
        if output.endswith("/") or os.path.isdir(location):
            location = storage.join(location, _SHARD_NAME)
    images = open_input(source, location if format == PNG else None, log)
    shards = cut_into_shards(images, images_per_shard)
    files = ShardFiles(location, format, len(shards))
    check_files(files, images.names, resume, overwrite)
    return RunPlan(files, images, shards, resume)
