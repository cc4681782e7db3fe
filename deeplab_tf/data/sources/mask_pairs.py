"""Which file is the mask of which image, in folders of any names."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.sources.image_index import split_of
from deeplab_tf.data.spec import DataError

_MASK_WORDS = frozenset((
    "mask", "masks", "label", "labels", "labeled", "labelled", "annot", "annotation",
    "annotations", "annotated", "gt", "groundtruth", "truth", "seg", "segmentation",
    "segmentations", "segmentationclass", "target", "targets",
))  # fmt: skip
_IMAGE_WORDS = frozenset((
    "image", "images", "img", "imgs", "jpegimages", "input", "inputs",
    "raw", "rgb", "original", "originals",
))  # fmt: skip


class Pair(NamedTuple):
    """An image and its mask; either may be missing.

    Attributes:
        split: that a folder is named after, or ``train``.
        name: without the words that tell masks from images.
        image: a file.
        mask: a file.
    """

    split: str
    name: str
    image: Path | None
    mask: Path | None


def pair_masks(folder: Path, files: Sequence[Path]) -> list[Pair]:
    """Pairs images and masks by their names.

    Masks are what lies in a folder that is named after them (``masks``, ``train_labels``, ``gt``)
    or, without such folders, beside its image under the image's name with something behind or in
    front (``a_mask.png``), or with the ending ``.png`` where the image has another. The same
    addition is allowed in folders.

    Args:
        folder: the data set.
        files: images and masks in it.

    Raises:
        DataError: it is not clear which files are masks, or two have one name.
    """
    masks = [path for path in files if _is_mask_folder(path.relative_to(folder).parts[:-1])]
    images = [path for path in files if path not in set(masks)]
    if not masks or not images:
        masks = _masks_beside_images(files)
        images = [path for path in files if path not in set(masks)]
    if not masks:
        raise DataError(
            f"{folder}: nothing tells masks from images. Put them into folders 'images' and "
            "'masks' under the same names, or name the mask of a.jpg a_mask.png."
        )
    by_path, by_stem = (_by_key(folder, images, whole) for whole in (True, False))
    found = _by_key(folder, masks, whole=True)
    affix = _affix(found, by_path)
    if affix is None and len(by_stem) == len(images):
        by_path, found = by_stem, _by_key(folder, masks, whole=False)
        affix = _affix(found, by_path)
    paired: Files = {}
    for (split, name), path in found.items():
        other = paired.setdefault((split, _without(name, affix)), path)
        if other != path:
            raise DataError(f"{path}: {other} is a mask of the same image; remove one.")
    return [
        Pair(split, name, by_path.get((split, name)), paired.get((split, name)))
        for split, name in sorted(by_path.keys() | paired.keys())
    ]


Affix = tuple[str, str]
Files = dict[tuple[str, str], Path]


def _spaced(text: str) -> str:
    """Returns a folder's name with SegNet's ``trainannot`` as two words."""
    return re.sub(r"(?<=[a-z])annot\b", " annot", text.lower())


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", _spaced(text)))


def _is_mask_folder(parts: Sequence[str]) -> bool:
    """Returns whether the last folder that says what is in it says masks."""
    for part in reversed(parts):
        if _words(part) & _MASK_WORDS:
            return True
        if _words(part) & _IMAGE_WORDS:
            return False
    return False


def _by_key(folder: Path, files: Iterable[Path], whole: bool) -> Files:
    """Returns files by split and name, with the folders that say nothing else, or without any."""
    found: Files = {}
    for path in files:
        *parts, _ = path.relative_to(folder).parts
        split = next(filter(None, (split_of(_spaced(part)) for part in parts)), "train")
        others = [
            p
            for p in parts
            if whole and not (_words(p) & (_MASK_WORDS | _IMAGE_WORDS) or split_of(_spaced(p)))
        ]
        key = split, "/".join([*others, path.stem])
        if key in found and whole:
            raise DataError(f"{path}: {found[key]} has the same name; remove or rename one.")
        found[key] = path
    return found


def _affixes(stem: str, images: Iterable[str]) -> Iterable[Affix]:
    """Yields what stands before and behind the name of an image, longest names first."""
    for length in range(len(stem) - 1, 0, -1):
        if stem[:length] in images and not stem[length].isalnum():
            yield "", stem[length:]
        if stem[-length:] in images and not stem[-length - 1].isalnum():
            yield stem[:-length], ""


def _affix(masks: Files, images: Files) -> Affix | None:
    """Returns what the names of masks have more than those of images; None where none fits."""
    counts: Counter[Affix] = Counter()
    stems = defaultdict(set)
    for split, name in images:
        folder, _, stem = name.rpartition("/")
        stems[split, folder].add(stem)
    for split, name in masks:
        folder, _, stem = name.rpartition("/")
        beside = stems[split, folder]
        exact = [("", "")] if stem in beside else []
        counts.update([next(iter([*exact, *_affixes(stem, beside)]), ("?", "?"))])
    del counts["?", "?"]
    return counts.most_common(1)[0][0] if counts else None


def _without(name: str, affix: Affix | None) -> str:
    folder, slash, stem = name.rpartition("/")
    before, behind = affix or ("", "")
    if stem.startswith(before) and stem.endswith(behind):
        stem = stem[len(before) : len(stem) - len(behind)]
    return f"{folder}{slash}{stem}"


def _masks_beside_images(files: Sequence[Path]) -> list[Path]:
    """Returns the files whose name is that of another one in their folder and one addition."""
    stems = defaultdict(set)
    for path in files:
        stems[path.parent].add(path.stem)
    affixes: dict[Path, Affix] = {}
    for path in files:
        affix = next(iter(_affixes(path.stem, stems[path.parent])), None)
        if affix:
            affixes[path] = affix
    if affixes:
        common = Counter(affixes.values()).most_common(1)[0][0]
        return [path for path, affix in affixes.items() if affix == common]
    twice = Counter((path.parent, path.stem) for path in files)
    return [p for p in files if p.suffix.lower() == ".png" and twice[p.parent, p.stem] == 2]
