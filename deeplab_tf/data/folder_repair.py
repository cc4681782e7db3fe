"""Rewrites the labels of a folder in PASCAL VOC layout that `label_repair` can explain."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.label_repair import Repair, repair_label, white_is_class
from deeplab_tf.data.own_files import DATA_SET, check_outputs, is_json_with
from deeplab_tf.data.paths import DataError, user_path
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import FILE_NAME, SYNTHETIC, DatasetSpec, palette_bytes
from deeplab_tf.data.voc_layout import LISTS, VocSplit

RECORD = "fixes.json"
# In place, originals go to a folder of this ending beside that of the labels.
KEPT = ".before_fix"


class FolderRepair(NamedTuple):
    """What was done with a data set.

    Attributes:
        folder: where the data set is whose labels were rewritten.
        labels: number of labels.
        done: what was done, by the label's path below the folder.
        left: why a label could not be explained, by its path.
        problems: reports of what is wrong still, one a split.
    """

    folder: Path
    labels: int
    done: dict[str, str]
    left: dict[str, str]
    problems: list[str]


def repair_folder(
    folder: str | os.PathLike,
    output: str | os.PathLike,
    in_place: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> FolderRepair:
    """Rewrites what is clear, of all splits, and checks what comes out.

    What is not clear, such as a label of another size than its image, stays as it is. No file is
    lost: the data set goes to a new folder or, in place, every original to one of its own,
    ``SegmentationClass.before_fix``.

    Args:
        folder: a data set in PASCAL VOC layout.
        output: a new folder for the whole data set; in place, a folder for ``fixes.json``, which
            says what was done.
        in_place: rewrite the labels where they are.
        progress: wraps an iterable to show how far it is.

    Returns:
        What was done; nothing is written where no label has to be rewritten.

    Raises:
        DataError: the folder is no data set in PASCAL VOC layout.
        ValueError: the new folder is not empty, or an original was kept before.
        OSError: a file cannot be read or written.
    """
    folder, output = user_path(folder), user_path(output)
    splits = _open_splits(folder)
    labels = _existing(path for split in splits for path in split.label_paths)
    targets = {label: (folder if in_place else output) / _below(label, folder) for label in labels}
    kept = {label: _kept(label, folder) for label in labels}
    if in_place:
        check_outputs({output / RECORD: is_json_with("data_set", "done", "left")})
    else:
        _check_new(output)
    spec = splits[0].spec
    # Of a run that was killed, some labels are rewritten already.
    is_class = white_is_class([k if in_place and k.exists() else n for n, k in kept.items()], spec)
    found, left = _plan(progress(labels), spec, is_class)
    done = {_below(label, folder).as_posix(): repair.what for label, repair in found.items()}
    reasons = {_below(label, folder).as_posix(): reason for label, reason in left.items()}
    if found and in_place:
        _keep({label: kept[label] for label in found})
    elif found:
        _copy_others(folder, output, splits, found)
    for label, repair in found.items():
        _write(targets[label], repair, spec)
    if found:
        record = {"data_set": str(folder), "done": done, "left": reasons}
        write_atomically(output / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    if found and not in_place:
        write_atomically(output / FILE_NAME, (folder / FILE_NAME).read_bytes())
    where = output if found and not in_place else folder
    return FolderRepair(where, len(labels), done, reasons, _problems(where, splits))


def _plan(
    labels: Iterable[Path], spec: DatasetSpec, is_class: bool
) -> tuple[dict[Path, Repair], dict[Path, str]]:
    """Returns the labels to rewrite, and why others cannot be."""
    found, left = {}, {}
    for label in labels:
        try:
            repair = repair_label(label, spec, is_class)
        except DataError as error:
            left[label] = str(error).removeprefix(f"{label}: ")
            continue
        if repair is not None:
            found[label] = repair
    return found, left


def _open_splits(folder: Path) -> list[VocSplit]:
    if str(folder) == SYNTHETIC:
        raise DataError(f"{SYNTHETIC}: the embedded data set has nothing to mend; give a folder.")
    DatasetSpec.load(folder)  # says best what is wrong with another folder
    names = sorted(path.stem for path in (folder / LISTS).glob("*.txt"))
    if not names:
        raise DataError(
            f"{folder / LISTS}: no lists. Labels are rewritten in folders in PASCAL VOC layout; "
            "shards are made anew from such a folder."
        )
    return [VocSplit(folder, name) for name in names]


def _existing(paths: Iterable[str]) -> list[Path]:
    return [Path(path) for path in dict.fromkeys(paths) if os.path.isfile(path)]


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder)


def _kept(label: Path, folder: Path) -> Path:
    first, *others = _below(label, folder).parts
    return folder.joinpath(first + KEPT, *others)


def _check_new(output: Path) -> None:
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"{output}: is not empty; the data set is written into a new folder.")
    check_outputs({output / RECORD: is_json_with("data_set", "done", "left")})


def _keep(originals: dict[Path, Path]) -> None:
    """Copies originals to where they are kept, all before the first is replaced."""
    there = [label for label, kept in originals.items() if os.path.lexists(kept)]
    for label in there:
        if originals[label].read_bytes() != label.read_bytes():
            raise ValueError(
                f"{originals[label]}: the original of an earlier run is there. Move it away first."
            )
    for label, kept in originals.items():
        if label not in there:
            write_atomically(kept, label.read_bytes())


def _copy_others(
    folder: Path, output: Path, splits: list[VocSplit], found: dict[Path, Repair]
) -> None:
    """Copies images, lists and the labels that stay as they are."""
    files = [Path(path) for path in (folder / LISTS).glob("*.txt")]
    for split in splits:
        files += _existing([*split.image_paths, *split.label_paths])
    for file in dict.fromkeys(files):
        if file not in found:
            write_atomically(output / _below(file, folder), file.read_bytes())


def _write(target: Path, repair: Repair, spec: DatasetSpec) -> None:
    write_atomically(target, encode_label(repair.ids, palette_bytes(spec), DATA_SET))


def _problems(folder: Path, splits: list[VocSplit]) -> list[str]:
    problems = []
    for split in splits:
        try:
            VocSplit(folder, split.split).check()
        except DataError as error:
            problems.append(str(error))
    return problems
