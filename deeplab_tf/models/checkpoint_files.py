"""Reads the newest checkpoint of a training run that is whole."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from deeplab_tf.data.files import file_hash, plain_reason, write_atomically
from deeplab_tf.data.paths import without_wildcards

_FILE = re.compile(r"ckpt-(\d+)\.(?:index|data-\d+-of-\d+|sha256)")
# A line of a manifest, as sha256sum writes it.
_HASH = re.compile(r"([0-9a-f]{64})  (ckpt-\d+\.[\w-]+)")


def restore_variables(folder: str | os.PathLike, variables: dict[str, tf.Variable]) -> None:
    """Restores a network's variables from the newest whole checkpoint, for inference.

    Warns of a newer one that is broken.

    Args:
        folder: folder of the checkpoints that `training.checkpoints` saved.
        variables: all variables of the model by name, frozen ones too.

    Raises:
        ValueError: there is no checkpoint, all are broken, or the newest whole one does not hold
            all variables.
    """
    folder = Path(folder)
    step = newest_whole(folder, lambda line: warnings.warn(line, stacklevel=4))
    if step is None:
        raise ValueError(f"{folder}: no checkpoint yet; training saves one from time to time.")
    read_checkpoint(tf.train.Checkpoint(variables=variables), folder, step)


def files_by_step(folder: Path) -> dict[int, list[Path]]:
    """Returns the files of all checkpoints, the newest first."""
    found: dict[int, list[Path]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _FILE.fullmatch(path.name)
        if match:
            found.setdefault(int(match[1]), []).append(path)
    return dict(sorted(found.items(), reverse=True))


def newest_whole(folder: Path, log: Callable[[str], None]) -> int | None:
    """Returns the step of the newest checkpoint without a fault, None if there are none."""
    skipped: list[str] = []
    for step in files_by_step(folder):
        problem = fault(folder, step)
        if problem is None:
            for line in skipped:
                log(f"skipped {line}")
            return step
        if not (folder / f"ckpt-{step}_temp").exists():  # what a kill cut short never was one
            skipped.append(f"{folder}/ckpt-{step}, which is broken: {problem}")
    if skipped:
        raise ValueError(
            f"No checkpoint can be read. {'; '.join(skipped)}. Put back a copy of one, or delete "
            "these files to start again at step 0."
        )
    return None


def fault(folder: Path, step: int) -> str | None:
    """Reads a whole checkpoint and returns what is wrong with it, None if nothing is.

    Its files are compared with its manifest. Where a kill has come before that was written,
    TensorFlow verifies the checksum of every tensor that it reads.
    """
    if not (folder / f"ckpt-{step}.index").exists():
        return f"ckpt-{step}.index is missing"
    hashes = _read_manifest(folder / f"ckpt-{step}.sha256")
    if hashes:
        return next(filter(None, (_file_fault(folder / n, h) for n, h in hashes.items())), None)
    with without_wildcards(folder) as plain:
        try:
            reader = tf.train.load_checkpoint(f"{plain}/ckpt-{step}")
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
        except Exception as error:  # of a broken file TensorFlow raises many kinds
            return plain_reason(error).replace(plain, str(folder))
    return None


def write_manifest(folder: Path, step: int) -> None:
    """Writes `ckpt-STEP.sha256` with the hashes of a checkpoint's files, for `sha256sum --check`.

    Raises:
        OSError: a file cannot be read or written.
    """
    manifest = folder / f"ckpt-{step}.sha256"
    files = [file for file in files_by_step(folder)[step] if file != manifest]
    lines = [f"{file_hash(file)}  {file.name}\n" for file in sorted(files)]
    write_atomically(manifest, "".join(lines).encode())


def _read_manifest(file: Path) -> dict[str, str]:
    """Returns the hashes of a manifest by file; nothing where it is missing or not whole."""
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    matches = [_HASH.fullmatch(line) for line in lines]
    if not all(match and Path(match[2]).stem == file.stem for match in matches):
        return {}
    hashes = {match[2]: match[1] for match in matches if match}
    return hashes if f"{file.stem}.index" in hashes and len(hashes) > 1 else {}


def _file_fault(file: Path, wanted: str) -> str | None:
    try:
        is_same = file_hash(file) == wanted
    except OSError as error:
        return f"{file.name}: {error.strerror}"
    return None if is_same else f"{file.name} is not the file whose SHA-256 was written beside it"


def read_checkpoint(checkpoint: tf.train.Checkpoint, folder: Path, step: int) -> None:
    """Restores from the checkpoint of a step all that `checkpoint` holds; it may have more.

    Raises:
        ValueError: the checkpoint cannot be read, or does not hold all of it.
    """
    with without_wildcards(folder) as plain:
        try:
            status = checkpoint.read(f"{plain}/ckpt-{step}").assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"{folder}/ckpt-{step}: not a checkpoint of this model: {error}"
            ) from error
    status.expect_partial()  # or TensorFlow would warn of the rest


def read_parts(checkpoint: tf.train.Checkpoint, folder: Path, step: int) -> None:
    """Restores from the checkpoint of a step what it has of `checkpoint`; the rest stays."""
    with without_wildcards(folder) as plain:
        checkpoint.read(f"{plain}/ckpt-{step}").expect_partial()
