import base64
import configparser
import fnmatch
import importlib.resources
import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.own_files import REPORT, check_outputs, png_mark
from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.evaluate import MEANS
from deeplab_tf.evaluation.report import Report
from deeplab_tf.evaluation.report.examples import SIDE
from tests.evaluation.report.pages import (
    HOSTILE,
    Page,
    make_images,
    make_results,
    make_split,
    text,
)
from tests.imports import ROOT

IMAGES = make_images(23)
SETTINGS = {"command line": "evaluate.py '--model=<u>a</u>'", "NumPy": "2.0"}


def write(folder, images, names=HOSTILE, **measures):
    split = make_split(names)
    report = Report(split)
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


def inlined(node):
    data = base64.b64decode(node.attributes["src"].split(",")[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_summary_has_all_means_and_their_differences(written):
    page, results = written
    rows = {row[0]: row[1:] for row in page.table("Metrics in %, best in bold")}
    assert rows[""] == ["this run, before CRF", "this run, after CRF"]
    bold = [text(node) for node in page.all("strong") if node.parent.tag == "td"]
    assert bold == [percent(max(results[key], results["crf"][key])) for key in MEANS.values()]
    for title, key in MEANS.items():
        before, after = results[key], results["crf"][key]
        assert rows[title] == [percent(before), f"{percent(after)} {100 * (after - before):+.2f}"]
    constant = results["best_constant"]
    baseline = f"{percent(constant['miou'])} ({constant['class']})"
    assert rows["majority-class baseline"] == [baseline] * 2
    facts = {
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
    labels = np.stack([image.label for image in IMAGES])
    _, *rows = page.table(caption)
    for index, (row, name) in enumerate(zip(rows, HOSTILE, strict=True)):
        share = np.mean(labels[labels != 255] == index)
        ious = [percent(stage[key][name]) for stage in (results, results["crf"])]
        assert row == [f"{name} {index}", percent(share), "", *ious]
    assert rows[-1][-2:] == ["–", "–"]
    styles = [node.attributes.get("style", "") for node in page.all("i")]
    for stage in (results, results["crf"]):
        for iou in stage[key].values():
            assert any(style.startswith(f"width:{(iou or 0) * 100:.2f}%;") for style in styles)


def test_trimap_numbers_stand_below_the_curves(written):
    page, results = written
    axes = {text(node) for node in page.all("text")}
    assert {"mIoU in %", "pixel accuracy in %", "distance from the contours in pixels"} <= axes
    _, *rows = page.table("Trimap metrics in %")
    before, after = results["trimap"], results["crf"]["trimap"]
    columns = [before["miou"], after["miou"], before["pixel_accuracy"], after["pixel_accuracy"]]
    expected = zip(before["widths"], *columns, strict=True)
    assert rows == [[str(width), *map(percent, values)] for width, *values in expected]
    assert "label_edges" in text(page.root)


def test_confusion_matrices_are_normalised_by_label(page):
    labels = np.stack([image.label for image in IMAGES])
    figures = [node for node in page.all("figure") if "matrix" in node.attributes.get("class", "")]
    for figure, number in zip(figures, (1, 0), strict=True):  # after the CRF first
        predictions = np.stack([image.predictions[number] for image in IMAGES])
        shares = {
            (a, b): np.mean(predictions[labels == a] == b) for a in range(3) for b in range(3)
        }
        assert {text(node) for node in page.all("title", inside=figure)} == {
            f"{HOSTILE[a]} → {HOSTILE[b]}: {percent(share)} %"
            for (a, b), share in shares.items() if share >= 0.005
        }  # fmt: skip


def test_most_frequent_confusions(page):
    labels = np.stack([image.label for image in IMAGES])
    predictions = np.stack([image.predictions[1] for image in IMAGES])
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    counts = {(a, b): np.sum((labels == a) & (predictions == b)) for a, b in pairs}
    largest = sorted((pair for pair in pairs if counts[pair]), key=counts.get, reverse=True)
    _, *rows = page.table("Most frequent confusions, after CRF")
    for (a, b), row in zip(largest, rows, strict=True):
        count, wrong = counts[a, b], sum(counts.values())
        shares = percent(count / np.sum(labels == a)), percent(count / wrong)
        assert row == [f"{HOSTILE[a]} → {HOSTILE[b]}", f"{count:,}", *shares]


def test_best_and_worst_images_are_the_right_ones(page):
    best = sorted(IMAGES, key=pixel_accuracy, reverse=True)[:5]
    worst = sorted(IMAGES, key=pixel_accuracy)[:5]
    headings = page.all("h4")
    assert [h.pieces[0].strip() for h in headings] == [image.name for image in (*best, *worst)]
    assert [text(node) for node in page.all("h3")] == ["Best", "Worst"]
    assert f"→ {percent(pixel_accuracy(best[0]))} %" in text(headings[0])


def test_images_are_inlined_with_their_pixels(page):
    best, images = max(IMAGES, key=pixel_accuracy), page.all("img")
    assert len(images) == 10 * 5
    captions = ["image", "label", "before CRF", "after CRF", "errors"]
    assert [i.attributes["alt"] for i in images[:5]] == [f"{c} of {best.name}" for c in captions]
    colors = np.array([*make_split().spec.palette, *[(224, 224, 192)] * 252])
    for image, ids in zip(images[1:4], (best.label, *best.predictions), strict=True):
        np.testing.assert_array_equal(inlined(image), colors[ids])
    assert np.abs(inlined(images[0]).astype(int) - best.image).mean() < 5  # a JPEG


def test_rows_are_png_files_too(folder, page):
    names = {f"report-{which}-{place}.png" for which in ("best", "worst") for place in range(1, 6)}
    assert {path.name for path in folder.iterdir()} == {*names, "report.html"}
    strip = np.asarray(Image.open(folder / "report-best-1.png"))
    assert strip.shape == (12, 5 * 17 + 4 * 6, 3)
    np.testing.assert_array_equal(strip[:, -17:], inlined(page.all("img")[4]))


def test_the_page_needs_nothing_else(page):
    for node in page.nodes:
        assert node.tag not in {"script", "link", "iframe", "object", "base", "a"}
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert value.startswith(("data:image/", "#"))
            assert "url(" not in (value or "").replace("url(#", "")
    style = "".join(map(text, page.all("style")))
    assert "url(" not in style and "@import" not in style


def test_names_are_text_and_nothing_else(page):
    content = text(page.root)
    for name in (*HOSTILE, "<i>pets</i>", "'--model=<u>a</u>'", "folder/<b>"):
        assert name in content
    assert not {"b", "u"} & {node.tag for node in page.nodes}
    assert all(text(node) == "" for node in page.all("i"))


def test_settings_are_listed(page):
    assert dict(page.table("What the evaluation was run with")[1:]) == SETTINGS


def test_without_a_crf_nothing_speaks_of_it(tmp_path):
    page, results = write(tmp_path, make_images(3, stages=1))
    assert "CRF" not in text(page.root)
    assert ["mIoU", percent(results["miou"])] in page.table("Metrics in %, best in bold")
    assert not [node for node in page.all("h2") if text(node).startswith(("Trimap", "Boundary"))]


def test_few_images_are_shown_once_and_old_ones_removed(tmp_path):
    write(tmp_path, IMAGES)
    page, _ = write(tmp_path, IMAGES[:3])
    assert len({heading.pieces[0] for heading in page.all("h4")}) == len(page.all("h4")) == 3
    pngs = {"report-best-1.png", "report-best-2.png", "report-worst-1.png"}
    assert {path.name for path in tmp_path.glob("*.png")} == pngs


def test_images_without_labels_have_no_metrics(tmp_path):
    void = [p._replace(label=np.full_like(p.label, 255)) for p in IMAGES[:2]]
    page, results = write(tmp_path, void, trimap="void", boundary=True)
    assert results["miou"] is None
    assert ["mIoU", "–", "–"] in page.table("Metrics in %, best in bold")
    assert not page.all("h4")


def test_many_classes_and_unusual_names(tmp_path):
    names = [f"道路 {index} 🚗 $x^2 {'long ' * 20}" for index in range(41)]
    page, _ = write(tmp_path, make_images(1, classes=41, shape=(60, 80)), names)
    assert len(page.table("IoU and share")) == 42
    assert names[40] in text(page.root)
    assert {names[0][:27] + "…", names[40][:27] + "…"} <= {text(node) for node in page.all("text")}


def test_large_images_are_shown_smaller(tmp_path):
    page, _ = write(tmp_path, make_images(2, shape=(40, 1300)))
    assert {inlined(image).shape for image in page.all("img")} == {(15, SIDE, 3)}


def test_files_of_earlier_versions_are_replaced(tmp_path):
    report = Report(make_split())
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    old_page = f'{head}<meta name="generator" content="{REPORT}">'  # what 0.1 wrote
    (tmp_path / "report.html").write_text(old_page)
    Image.new("RGB", (3, 3)).save(tmp_path / "report-best-1.png", pnginfo=png_mark(REPORT))
    check_outputs(report.owners(tmp_path))
    (tmp_path / "report.html").write_text(head)
    with pytest.raises(ValueError, match=r"report\.html is there"):
        check_outputs(report.owners(tmp_path))


def test_a_split_without_labels_is_refused():
    with pytest.raises(DataError, match="no labels"):
        Report(make_split(labelled=False))


def test_a_missing_package_names_the_extra(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "jinja2" else find(n))
    with pytest.raises(ImportError, match=r"jinja2\. .*pip install 'deeplab_tf\[report\]'"):
        Report(make_split())


def test_the_templates_are_in_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pattern = setup["options.package_data"]["deeplab_tf.evaluation.report"]
    files = importlib.resources.files("deeplab_tf.evaluation.report") / "templates"
    names = {f"templates/{file.name}" for file in files.iterdir()}
    assert names == {"templates/report.html", "templates/style.css"}
    assert all(fnmatch.fnmatch(name, pattern) for name in names)
