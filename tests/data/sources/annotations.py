"""Small annotated folders in the forms that annotation tools write."""

import base64
import io
import json

import numpy as np
from PIL import Image

from tests.data.fakes import smooth_image

# Height and width of every image that is made here.
SIZE = (20, 30)


def save_photo(path, seed=0, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(smooth_image(*size, seed=seed)).save(path)


def save_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def png_base64(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def box(left, top, right, bottom):
    """The corners of a box whose pixels are [top:bottom, left:right]."""
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def labelme_shape(label, points, kind="polygon", **more):
    return {
        "label": label,
        "points": points,
        "shape_type": kind,
        "group_id": None,
        "flags": {},
        **more,
    }


def save_labelme(path, shapes, image="", **more):
    values = {
        "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None,
        "imageHeight": SIZE[0], "imageWidth": SIZE[1],
    }  # fmt: skip
    save_json(path, values | more)


def ids_of(*boxes, size=SIZE):
    """Ids of boxes (id, left, top, right, bottom) painted in this order on 0."""
    ids = np.zeros(size, np.uint8)
    for label, left, top, right, bottom in boxes:
        ids[top:bottom, left:right] = label
    return ids


def labels_of(source):
    """Split -> name -> ids, of all examples of a source."""
    return {
        split: {item.name: source.label_ids(item) for item in items if item.label}
        for split, items in source.splits.items()
    }


# Every photo that the functions below make shows a cat with a dog on it.
CAT, DOG = (2, 3, 12, 15), (8, 5, 11, 9)
TRUTH = ids_of((1, *CAT), (2, *DOG))


def names_of(count):
    return [f"video{i // 2}_{i}" for i in range(count)]


def make_labelme(folder, count=6, size=SIZE):
    for seed, name in enumerate(names_of(count)):
        save_photo(folder / f"{name}.jpg", seed, size)
        shapes = [labelme_shape("dog", box(*DOG)), labelme_shape("cat", box(*CAT))]
        sides = {"imageHeight": size[0], "imageWidth": size[1]}
        save_labelme(folder / f"{name}.json", shapes, f"{name}.jpg", **sides)


def make_masks(folder, count=6, size=SIZE):
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
    for seed, name in enumerate(names_of(count)):
        save_photo(folder / f"{name}.jpg", seed, size)
        ids = ids_of((1, *CAT), (2, *DOG), size=size)
        Image.fromarray(colors[ids]).save(folder / f"{name}_mask.png")
    (folder / "palette.csv").write_text("name,r,g,b\nbackground,0,0,0\ncat,255,0,0\ndog,0,0,255\n")


def make_coco(folder, count=6, size=SIZE):
    images, entries = [], []
    for seed, name in enumerate(names_of(count)):
        save_photo(folder / f"images/{name}.jpg", seed, size)
        images.append({"id": seed, "file_name": f"{name}.jpg", "height": size[0], "width": size[1]})
        for category, corners in ((2, DOG), (1, CAT)):
            outline = [value for point in box(*corners) for value in point]
            entries.append({"image_id": seed, "category_id": category, "segmentation": [outline]})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    values = {"images": images, "annotations": entries, "categories": categories}
    save_json(folder / "annotations.json", values)


def make_yolo(folder, count=6, size=SIZE):
    for seed, name in enumerate(names_of(count)):
        save_photo(folder / f"images/{name}.jpg", seed, size)
        lines = []
        for number, corners in ((1, DOG), (0, CAT)):
            shares = np.array(box(*corners)) / (size[1], size[0])
            lines.append(" ".join([str(number), *(f"{share:.6f}" for share in shares.ravel())]))
        (folder / "labels").mkdir(exist_ok=True)
        (folder / f"labels/{name}.txt").write_text("\n".join(lines) + "\n")
    (folder / "data.yaml").write_text("train: images\nnames: {0: cat, 1: dog}\n")


def make_cvat(folder, count=6, size=SIZE):
    text = "<annotations><meta><job><labels><label><name>cat</name></label></labels></job></meta>"
    for seed, name in enumerate(names_of(count)):
        save_photo(folder / f"images/{name}.jpg", seed, size)
        text += f'<image name="{name}.jpg" width="{size[1]}" height="{size[0]}">'
        for label, corners in (("dog", DOG), ("cat", CAT)):
            points = ";".join(f"{x}.00,{y}.00" for x, y in box(*corners))
            text += f'<polygon label="{label}" points="{points}" z_order="0"/>'
        text += "</image>"
    (folder / "annotations.xml").write_text(text + "</annotations>")


def make_label_studio(folder, count=6, size=SIZE):
    tasks = []
    for seed, name in enumerate(names_of(count)):
        save_photo(folder / f"{name}.jpg", seed, size)
        results = []
        for label, corners in (("dog", DOG), ("cat", CAT)):
            points = np.array(box(*corners)) * 100 / (size[1], size[0])
            value = {"points": points.tolist(), "polygonlabels": [label]}
            sides = {"original_width": size[1], "original_height": size[0]}
            results.append({"type": "polygonlabels", "value": value, **sides})
        image = f"/data/upload/3/0a1b2c3d-{name}.jpg"
        tasks.append({"data": {"image": image}, "annotations": [{"result": results}]})
    save_json(folder / "export.json", tasks)


ANNOTATED = {
    "labelme": make_labelme, "masks": make_masks, "coco": make_coco, "yolo": make_yolo,
    "cvat": make_cvat, "label_studio": make_label_studio,
}  # fmt: skip
