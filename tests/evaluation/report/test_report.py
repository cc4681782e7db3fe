import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.report import Report
from deeplab_tf.evaluation.report.example_images import SIDE
from tests.evaluation.report.pages import (
    HOSTILE,
    Page,
    make_images,
    make_results,
    make_split,
    text,
)

IMAGES = make_images(23)
SETTINGS = {"command line": "evaluate.py '--model=<u>a</u>'", "NumPy": "2.0"}


def write(folder, images, examples=5, **measures):
    split = make_split()
    report = Report(split, examples)
    for image in images:
        report(image)
    results = make_results(split.spec, images, **measures)
    page = report.write(results, SETTINGS, folder)
    return Page(page.read_text(encoding="utf-8")), results


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def written(folder):
    return write(folder, IMAGES, trimap="label_edges", boundary=True)


@pytest.fixture(scope="module")
def page(written):
    return written[0]


def percent(share):
    return "–" if share is None else f"{100 * share:.2f}"


def pixel_accuracy(image):
    counted = image.label != 255
    return np.mean(image.predictions[-1][counted] == image.label[counted])


def test_summary_has_all_means_and_their_differences(written):
    page, results = written
    rows = {row[0]: row[1:] for row in page.table("Scores in %, best in bold")}
    assert rows[""] == ["this run, before CRF", "this run, after CRF"]
    for title, key in (
        ("mIoU", "miou"),
        ("pixel accuracy", "pixel_accuracy"),
        ("mean accuracy", "mean_accuracy"),
        ("frequency-weighted IoU", "frequency_weighted_iou"),
        ("boundary IoU", "boundary_iou"),
    ):
        before, after = results[key], results["crf"][key]
        difference = f"{100 * (after - before):+.2f}"
        assert rows[title] == [percent(before), percent(after) + difference]
    constant = results["best_constant"]
    assert (
        rows["majority-class baseline"]
        == [f"{percent(constant['miou'])} ({constant['class']})"] * 2
    )
    assert rows["split"] == ["val"] * 2
    assert rows["images"] == ["23"] * 2
    assert rows["seconds"] == ["3.25"] * 2


@pytest.mark.parametrize(
    ("caption", "key"),
    [("IoU and share", "per_class_iou"), ("Boundary IoU and share", "per_class_boundary_iou")],
)
def test_classes_have_their_scores(written, caption, key):
    page, results = written
    labels = np.stack([image.label for image in IMAGES])
    _, *rows = page.table(caption)
    assert len(rows) == len(HOSTILE)
    for index, (row, name) in enumerate(zip(rows, HOSTILE, strict=True)):
        share = np.mean(labels[labels != 255] == index)
        scores = [percent(stage[key][name]) for stage in (results, results["crf"])]
        assert row == [f"{name}{index}", percent(share), "", *scores]
    assert rows[-1][-2:] == ["–", "–"]


def test_trimap_figures_stand_below_the_curves(written):
    page, results = written
    charts = [node for node in page.all("svg") if node.attributes["class"] == "curves"]
    assert [len(page.all("path", inside=chart)) for chart in charts] == [2, 2]
    _, *rows = page.table("Trimap scores in %")
    before, after = results["trimap"], results["crf"]["trimap"]
    columns = [before["miou"], after["miou"], before["pixel_accuracy"], after["pixel_accuracy"]]
    expected = zip(before["widths"], *columns, strict=True)
    assert rows == [[str(width), *map(percent, scores)] for width, *scores in expected]
    assert len(rows) == 40
    assert "label_edges" in text(page.root)


@pytest.mark.parametrize(("stage", "number"), [("before CRF", 0), ("after CRF", 1)])
def test_confusion_matrix_is_normalised_by_label(page, stage, number):
    head, *rows = page.table(f"Confusion matrix, {stage}")
    assert head[1:] == list(HOSTILE)
    labels = np.stack([image.label for image in IMAGES])
    predictions = np.stack([image.predictions[number] for image in IMAGES])
    for row, (name, *cells) in enumerate(rows):
        assert name == HOSTILE[row]
        of_label = predictions[labels == row]
        shares = [np.mean(of_label == column) for column in range(len(HOSTILE)) if of_label.size]
        assert cells == ([f"{100 * share:.0f}" for share in shares] or ["–"] * len(HOSTILE))


def test_most_frequent_confusions(page):
    labels = np.stack([image.label for image in IMAGES])
    predictions = np.stack([image.predictions[1] for image in IMAGES])
    counts = {
        (a, b): np.sum((labels == a) & (predictions == b))
        for a in range(4)
        for b in range(4)
        if a != b
    }
    largest = sorted((pair for pair in counts if counts[pair]), key=counts.get, reverse=True)
    _, *rows = page.table("Most frequent confusions, after CRF")
    assert [row[0] for row in rows] == [f"{HOSTILE[a]} → {HOSTILE[b]}" for a, b in largest]
    for (a, b), row in zip(largest, rows, strict=True):
        count, wrong = counts[a, b], sum(counts.values())
        shares = percent(count / np.sum(labels == a)), percent(count / wrong)
        assert row[1:] == [f"{count:,}", *shares]


def test_best_and_worst_images_are_the_right_ones(page):
    best = sorted(IMAGES, key=pixel_accuracy, reverse=True)[:5]
    worst = sorted(IMAGES, key=pixel_accuracy)[:5]
    assert len({pixel_accuracy(image) for image in worst}) < 5  # of equals the first comes first
    expected = [image.name for image in (*best, *worst)]
    headings = page.all("h4")
    assert [heading.pieces[0] for heading in headings] == expected
    assert [text(node) for node in page.all("h3")] == ["Best", "Worst"]
    assert f"→ {percent(pixel_accuracy(best[0]))} %" in text(headings[0])


def test_images_are_inlined_with_their_pixels(page):
    best = max(IMAGES, key=pixel_accuracy)
    images = page.all("img")
    assert len(images) == 10 * 5
    captions = ["image", "label", "before CRF", "after CRF", "errors"]
    assert [i.attributes["alt"] for i in images[:5]] == [f"{c} of {best.name}" for c in captions]
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(i.attributes["src"].split(",")[1]))))
        for i in images[:5]
    ]
    for found, expected in zip(pixels[1:4], (best.label, *best.predictions), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.abs(pixels[0].astype(int) - best.image).mean() < 5  # a JPEG


def test_rows_are_png_files_too(folder, page):
    names = {f"report-{which}-{place}.png" for which in ("best", "worst") for place in range(1, 6)}
    assert {path.name for path in folder.iterdir()} == {*names, "report.html"}
    with Image.open(folder / "report-best-1.png") as strip:
        assert strip.height == 12
        assert strip.width > 5 * 17
        assert np.asarray(strip).shape[-1] == 3


def test_the_page_needs_nothing_else(folder, page):
    for node in page.nodes:
        assert node.tag not in {"script", "link", "iframe", "object", "base", "a"}
        for name, value in node.attributes.items():
            assert name != "href" and not name.startswith("on")
            assert name != "src" or value.startswith("data:image/")
    written = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import|file:", written)


def test_names_are_text_and_nothing_else(page):
    content = text(page.root)
    for name in (*HOSTILE, "<i>pets</i>", "'--model=<u>a</u>'", "folder/<b>"):
        assert name in content
    assert not {"b", "i", "u"} & {node.tag for node in page.nodes}


def test_settings_are_listed(page):
    assert dict(page.table("What was run with what")[1:]) == SETTINGS


def test_without_a_crf_nothing_speaks_of_it(tmp_path):
    page, results = write(tmp_path, make_images(3, stages=1))
    assert "CRF" not in text(page.root)
    assert ["mIoU", percent(results["miou"])] in page.table("Scores in %, best in bold")
    assert not [node for node in page.all("h2") if text(node) in ("Trimap", "Boundary IoU")]


def test_few_images_are_shown_once_and_old_ones_removed(tmp_path):
    write(tmp_path, IMAGES)
    page, _ = write(tmp_path, IMAGES[:3])
    assert len({heading.pieces[0] for heading in page.all("h4")}) == len(page.all("h4")) == 3
    pngs = {"report-best-1.png", "report-best-2.png", "report-worst-1.png"}
    assert {path.name for path in tmp_path.glob("*.png")} == pngs


def test_images_without_labels_have_no_score(tmp_path):
    void = [p._replace(label=np.full_like(p.label, 255)) for p in IMAGES[:2]]
    page, results = write(tmp_path, void, trimap="void", boundary=True)
    assert results["miou"] is None
    assert ["mIoU", "–", "–"] in page.table("Scores in %, best in bold")
    assert not page.all("h4")


def test_many_classes_are_drawn_and_not_tabled(tmp_path):
    split = make_split([f"class {index}" for index in range(150)])
    images = make_images(2, classes=150, shape=(60, 80))
    report = Report(split)
    for image in images:
        report(image)
    page = Page(report.write(make_results(split.spec, images), {}, tmp_path).read_text("utf-8"))
    heat = [node for node in page.all("svg") if node.attributes["class"] == "heat"]
    assert len(heat) == 2
    labels = np.stack([image.label for image in images])
    for number, drawn in ((1, heat[0]), (0, heat[1])):
        predictions = np.stack([image.predictions[number] for image in images])
        share = np.mean(predictions[labels == 7] == 8)
        titles = {text(node) for node in page.all("title", inside=drawn)}
        assert f"class 7 → class 8: {percent(share)} %" in titles


def test_large_images_are_shown_smaller(tmp_path):
    page, _ = write(tmp_path, make_images(2, shape=(40, 1300)))
    for image in page.all("img"):
        data = base64.b64decode(image.attributes["src"].split(",")[1])
        assert Image.open(io.BytesIO(data)).size == (SIDE, 15)


def test_a_split_without_labels_is_refused():
    with pytest.raises(DataError, match="no labels"):
        Report(make_split(labelled=False))
