"""Small trees in the layouts of the real archives, with what their labels must become."""

import json

import numpy as np
from PIL import Image
from scipy.io import savemat

from deeplab_tf.data.spec import voc_palette
from tests.data.fakes import smooth_image

SIZES = ((20, 30), (25, 21))
PARTS = [
    "head",
    "lear",
    "rear",
    "leye",
    "reye",
    "lebrow",
    "rebrow",
    "mouth",
    "nose",
    "hair",
    "torso",
    "neck",
    "llarm",
    "luarm",
    "lhand",
    "rlarm",
    "ruarm",
    "rhand",
    "llleg",
    "luleg",
    "lfoot",
    "rlleg",
    "ruleg",
    "rfoot",
]


def size_of(index):
    return SIZES[index % len(SIZES)]


def random_ids(index, low, high, void=True):
    """Ids of an image; everything between ``low`` and ``high`` - 1 may occur."""
    ids = np.random.default_rng(index).integers(low, high, size_of(index)).astype(np.uint8)
    if void:
        ids[:2, :3] = 255
    return ids


def save_image(path, index):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(smooth_image(*size_of(index), seed=index)).save(path)


def save_png(path, ids, palette=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(ids)
    if palette:
        image.putpalette([value for color in voc_palette(256) for value in color])
    image.save(path)


def save_mat(path, **values):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, values, do_compression=True)


def save_list(path, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names))


def make_voc12(folder, train=4, val=3, test=2):
    """VOCdevkit/VOC2012 as both archives unpack it; returns name -> ids."""
    root, truth = folder / "VOCdevkit/VOC2012", {}
    names = [f"2007_{i:06d}" for i in range(train + val + test)]
    lists = {"train": names[:train], "val": names[train : train + val], "test": names[-test:]}
    lists["trainval"] = sorted(lists["train"] + lists["val"])
    for i, name in enumerate(names):
        save_image(root / f"JPEGImages/{name}.jpg", i)
        if name not in lists["test"]:
            truth[name] = random_ids(i, 0, 21)
            save_png(root / f"SegmentationClass/{name}.png", truth[name])
    for split, listed in lists.items():
        save_list(root / f"ImageSets/Segmentation/{split}.txt", listed)
    return truth


def make_sbd(folder):
    """VOC 2012 and SBD; SBD also has one image of VOC's train and one of its val."""
    truth = make_voc12(folder)
    voc = list(truth)
    dataset = folder / "benchmark_RELEASE/dataset"
    lists = {"train": ["2008_000003", "2008_000001", voc[1]], "val": ["2008_000002", voc[5]]}
    for split, names in lists.items():
        save_list(dataset / f"{split}.txt", names)
        for name in names:
            index = 20 + int(name[-1]) if name.startswith("2008") else voc.index(name)
            ids = random_ids(index, 0, 21, void=False)
            save_mat(
                dataset / f"cls/{name}.mat",
                GTcls={"Boundaries": 0, "Segmentation": ids, "CategoriesPresent": np.unique(ids)},
            )
            save_image(dataset / f"img/{name}.jpg", index)
            truth.setdefault(name, ids)
    save_image(folder / "VOCdevkit/VOC2012/JPEGImages/2008_000001.jpg", 21)
    return truth


def make_voc10(folder, names):
    """VOC 2010's images and lists: the first two names are validation."""
    root = folder / "VOCdevkit/VOC2010"
    for i, name in enumerate(names):
        save_image(root / f"JPEGImages/{name}.jpg", i)
    save_list(root / "ImageSets/Main/val.txt", names[:2])
    save_list(root / "ImageSets/Main/train.txt", names[2:])


def make_pascal_context(folder):
    """Images and LabelMap files; returns name -> the numbers 1..459 in them."""
    truth = {f"2008_{i:06d}": np.random.default_rng(i).integers(1, 460, size_of(i)) for i in
             range(5)}  # fmt: skip
    make_voc10(folder, list(truth))
    for name, numbers in truth.items():
        save_mat(folder / f"trainval/{name}.mat", LabelMap=numbers.astype(np.uint16))
    return truth


def make_person_part(folder):
    """Images and Annotations_Part; returns name -> the parts of its person."""
    truth = {}
    for i in range(6):
        name = f"2008_{i:06d}"
        truth[name] = PARTS[i * 4 : i * 4 + 4]
        save_mat(folder / f"Annotations_Part/{name}.mat", anno=_annotation(name, i, truth[name]))
    lonely = "2008_000006"
    save_mat(folder / f"Annotations_Part/{lonely}.mat", anno=_annotation(lonely, 6, []))
    make_voc10(folder, [*truth, lonely])
    return truth


def part_area(part, size):
    """A rectangle of its own for every part."""
    mask = np.zeros(size, np.uint8)
    row, column = divmod(PARTS.index(part), 5)
    mask[row * 4 : row * 4 + 3, column * 4 : column * 4 + 3] = 1
    return mask


def _annotation(name, index, parts):
    size = size_of(index)
    person = {
        "class": "person", "class_ind": 15, "mask": np.ones(size, np.uint8),
        "parts": _structs([{"part_name": p, "mask": part_area(p, size)} for p in parts]),
    }  # fmt: skip
    tail = {"part_name": "tail", "mask": np.ones(size, np.uint8)}
    cat = {"class": "cat", "class_ind": 8, "mask": np.ones(size, np.uint8),
           "parts": _structs([tail])}  # fmt: skip
    return {"imname": name, "objects": _structs([cat, person])}


def _structs(values):
    """A MATLAB structure array of one row, empty where there are no values."""
    if not values:
        return np.zeros((0, 0))
    array = np.empty((1, len(values)), [(key, object) for key in values[0]])
    for i, value in enumerate(values):
        array[0, i] = tuple(value.values())
    return array


def make_cityscapes(folder):
    """leftImg8bit and gtFine; returns name -> label ids 0..33."""
    truth, index = {}, 0
    for split, cities in {"train": ["bonn", "aachen"], "val": ["ulm"], "test": ["berlin"]}.items():
        for city in cities:
            for frame in range(2):
                name = f"{city}_000000_{frame:06d}"
                save_image(folder / f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png", index)
                ids = random_ids(index, 0, 34, void=False)
                # The archive also has files for test, without a class in them.
                stored = np.ones_like(ids) if split == "test" else ids
                save_png(
                    folder / f"gtFine/{split}/{city}/{name}_gtFine_labelIds.png", stored, False
                )
                save_png(folder / f"gtFine/{split}/{city}/{name}_gtFine_color.png", stored, False)
                if split != "test":
                    truth[name] = ids
                index += 1
    return truth


def make_folder(folder, splits=("train", "val"), rgb=False, palette=None):
    """images/ and masks/ of four classes; returns name -> ids."""
    truth, index = {}, 0
    for split in splits:
        for number in range(3):
            name = f"{split}{number}"
            truth[name] = random_ids(index, 0, 4)
            mask = truth[name]
            if rgb:
                mask = np.array([*palette, *[(224, 224, 192)] * 252], np.uint8)[mask]
            save_image(folder / "images" / split / f"{name}.jpg", index)
            save_png(folder / "masks" / split / f"{name}.png", mask, palette=not rgb)
            index += 1
    spec = {"name": "mine", "class_names": list("abcd")}
    if palette:
        spec["palette"] = palette
    (folder / "dataset.json").write_text(json.dumps(spec))
    return truth
