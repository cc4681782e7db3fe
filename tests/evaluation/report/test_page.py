"""What the page shows of an evaluation."""

import itertools
import re

import matplotlib
import numpy as np
import pytest

from deeplab_tf.evaluation.evaluate import MEANS, EvaluatedImage
from deeplab_tf.evaluation.report.page import ERROR_COLORS, SIDE, draw_images
from tests.evaluation.report.pages import (
    HOSTILE,
    SETTINGS,
    make_images,
    make_split,
    table,
    text,
    write,
)

SVG = "{http://www.w3.org/2000/svg}"
IMAGES = make_images(23)
LABELS = np.stack([image.label for image in IMAGES])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with matplotlib.rc_context({"font.size": 30}):  # the user's own settings do not matter
        return write(folder, IMAGES, trimap="label_edges", boundary=True)


@pytest.fixture(scope="module")
def page(written):
    return written[0]


def percent(share):
    return "–" if share is None else f"{100 * share:.2f}"


def test_summary_has_all_means_and_their_differences(written):
    page, results = written
    rows = {row[0]: row[1:] for row in table(page, "Metrics in %, best in bold")}
    assert rows[""] == ["this run, before CRF", "this run, after CRF"]
    bold = [n.text.strip() for n in page.iterfind(".//td[@class='best']")]
    assert bold == [percent(max(results[key], results["crf"][key])) for key in MEANS.values()]
    for title, key in MEANS.items():
        before, after = results[key], results["crf"][key]
        assert rows[title] == [percent(before), f"{percent(after)} {100 * (after - before):+.2f}"]
    facts = {
        "majority-class baseline": percent(results["best_constant"]["miou"]),
        "majority class": results["best_constant"]["class"],
        "rule for absent classes": "exclude",
        "split": "val",
        "images": "23",
        "seconds": "3.25",
    }
    assert {name: rows[name] for name in facts} == {n: [fact] * 2 for n, fact in facts.items()}


@pytest.mark.parametrize(
    ("caption", "key"),
    [("IoU and share", "per_class_iou"), ("Boundary IoU and share", "per_class_boundary_iou")],
)
def test_classes_have_their_metrics_and_bars(written, caption, key):
    page, results = written
    _, *rows = table(page, caption)
    styles = [node.get("style") for node in page.iter("i")]
    for index, (row, name) in enumerate(zip(rows, HOSTILE, strict=True)):
        share = np.mean(LABELS[LABELS != 255] == index)
        ious = [stage[key][name] for stage in (results, results["crf"])]
        assert row == [f"{name} {index}", percent(share), "", *map(percent, ious)]
        for iou in ious:
            assert any(style.startswith(f"width:{percent(iou or 0)}%;") for style in styles)
    assert rows[-1][-2:] == ["–", "–"]


def test_trimaps_are_curves_and_numbers(written):
    page, results = written
    assert "label_edges" in text(page)
    for title, key in (("mIoU", "miou"), ("pixel accuracy", "pixel_accuracy")):
        stages = [stage["trimap"] for stage in (results, results["crf"])]
        expected = zip(stages[0]["widths"], *(stage[key] for stage in stages), strict=True)
        _, *rows = table(page, f"{title} in % by the distance")
        assert rows == [[str(width), *map(percent, values)] for width, *values in expected]
    for svg, title in zip(page.iter(f"{SVG}svg"), ("mIoU", "pixel accuracy"), strict=True):
        texts = [*svg.iter(f"{SVG}text")]
        assert {f"{title} in %", "distance from the contours in pixels"} <= set(map(text, texts))
        assert "9px" in texts[0].get("style")
        styles = " ".join(path.get("style", "") for path in svg.iter(f"{SVG}path"))
        assert re.findall("stroke: #(868b94|2f7fd1)", styles) == ["868b94", "2f7fd1"]
    ids = [node.get("id") for node in page.iterfind(".//*[@id]")]
    assert len(ids) == len(set(ids))


def test_confusion_matrices_are_normalised_by_label(page):
    matrices = page.iterfind(".//table[@class='matrix']")
    for matrix, number in zip(matrices, (1, 0), strict=True):  # after the CRF first
        predictions = np.stack([image.predictions[number] for image in IMAGES])
        found = matrix.iterfind(".//td[@title]")
        expected = [
            (a, b, share) for a, b in itertools.product(range(3), range(3))
            if (share := np.mean(predictions[a == LABELS] == b)) >= 0.005
        ]  # fmt: skip
        for cell, (a, b, share) in zip(found, expected, strict=True):
            title = f"{HOSTILE[a]} → {HOSTILE[b]}: {percent(share)} %"
            assert cell.get("title") == title and text(cell) == f"{100 * share:.0f}"
            color = f"--{'right' if a == b else 'wrong'})/{share**0.5:.3f})"
            assert cell.get("style").endswith(color)


def test_most_frequent_confusions(page):
    predictions = np.stack([image.predictions[1] for image in IMAGES])
    pairs = itertools.permutations(range(4), 2)
    counts = {(a, b): np.sum((a == LABELS) & (predictions == b)) for a, b in pairs}
    largest = sorted((pair for pair in counts if counts[pair]), key=counts.get, reverse=True)
    _, *rows = table(page, "Most frequent confusions, after CRF")
    for (a, b), row in zip(largest, rows, strict=True):
        count, wrong = counts[a, b], sum(counts.values())
        shares = percent(count / np.sum(a == LABELS)), percent(count / wrong)
        assert row == [f"{HOSTILE[a]} → {HOSTILE[b]}", f"{count:,}", *shares]


def test_the_page_needs_nothing_else(page):
    for node in page.iter():
        assert node.tag.removeprefix(SVG) not in {"script", "link", "iframe", "object", "base", "a"}
        for name, value in node.items():
            assert not name.startswith("on")
            if name.endswith(("src", "href")):
                assert value.startswith(("data:image/", "#"))
            assert "url(" not in value.replace("url(#", "")
    style = "".join(map(text, page.iter("style")))
    assert "url(" not in style and "@import" not in style


def test_names_are_text_and_nothing_else(page):
    content = text(page)
    for name in (*HOSTILE, "<i>pets</i>", "'--model=<u>a</u>'", "folder/<b>"):
        assert name in content
    assert not {"b", "u"} & {node.tag for node in page.iter()}
    assert all(text(node) == "" for node in page.iter("i"))
    assert dict(table(page, "What the evaluation was run with")[1:]) == SETTINGS


def test_without_a_crf_nothing_speaks_of_it(tmp_path):
    page, results = write(tmp_path, make_images(3, stages=1))
    assert "CRF" not in text(page)
    assert ["mIoU", percent(results["miou"])] in table(page, "Metrics in %, best in bold")
    assert not [node for node in page.iter("h2") if text(node).startswith(("Trimap", "Boundary"))]


def test_images_without_labels_have_no_metrics(tmp_path):
    void = [p._replace(label=np.full_like(p.label, 255)) for p in IMAGES[:2]]
    page, results = write(tmp_path, void, trimap="void", boundary=True)
    assert results["miou"] is None
    assert ["mIoU", "–", "–"] in table(page, "Metrics in %, best in bold")
    assert page.find(".//h4") is None


def test_many_classes_have_no_numbers_in_the_matrix(tmp_path):
    names = [f"道路 {index} 🚗 $x^2 {'long ' * 20}" for index in range(41)]
    page, _ = write(tmp_path, make_images(1, 1, classes=41, shape=(60, 80)), names)
    assert len(table(page, "IoU and share")) == 42
    (matrix,) = page.iterfind(".//table[@class='matrix small']")
    assert [text(th) for th in matrix.iter("th")][1:42] == names
    assert not any(text(cell) for cell in matrix.iter("td"))


def test_every_kind_of_error_is_told_apart():
    spec, values = make_split("abc").spec, range(3)
    label, first, last = np.uint8([*itertools.product([*values, 255], values, values)]).T
    image = np.full([1, len(label), 3], 77, np.uint8)
    drawn = draw_images(EvaluatedImage("", image, label[None], [first[None], last[None]]), spec)
    kinds = {color: kind for kind, color in ERROR_COLORS.items()}
    right = {(True, True): None, (False, True): "corrected by the CRF",
             (True, False): "made wrong by the CRF", (False, False): "wrong"}  # fmt: skip
    for color, wanted, before, after in zip(drawn["errors"][0], label, first, last, strict=True):
        expected = (
            "void, not counted" if wanted == 255 else right[before == wanted, after == wanted]
        )
        assert kinds.get(tuple(color.tolist())) == expected


def test_large_images_are_shown_smaller():
    (image,) = make_images(1, shape=(40, 1300))
    assert {i.shape for i in draw_images(image, make_split().spec).values()} == {(15, SIDE, 3)}
