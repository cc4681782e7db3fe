import json

import pytest

from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.report import Report
from deeplab_tf.evaluation.report.compare import load_comparisons
from tests.evaluation.report.pages import Page, make_images, make_results, make_split, text

SPLIT = make_split(["cat", "dog", "fox"])
IMAGES = make_images(4)
OURS = make_results(SPLIT.spec, IMAGES, trimap="void", boundary=True)
OLD = {key: OURS[key] for key in ("split", "images", "miou", "pixel_accuracy", "per_class_iou")}


def save(folder, results):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(results))
    return str(folder / "metrics.json")


def write(folder, files):
    report = Report(SPLIT, compare=files)
    for image in IMAGES:
        report(image)
    return Page(report.write(OURS, {}, folder).read_text("utf-8"))


def test_every_file_adds_its_stages_as_columns(tmp_path):
    other = make_results(SPLIT.spec, make_images(3), trimap="void", boundary=True)
    files = [save(tmp_path / "a" / "eval-val", other), save(tmp_path / "b" / "eval-val", OLD)]
    page = write(tmp_path, files)
    names = ["this run", "a/eval-val"]
    columns = [f"{name}, {stage} CRF" for name in names for stage in ("before", "after")]
    (caption,) = (n for n in page.all("caption") if text(n).startswith("Metrics in %, best"))
    assert "not all columns are of the same images" in text(caption)
    rows = {row[0]: row[1:] for row in page.table("Metrics in %, best")}
    assert rows[""] == [*columns, "b/eval-val"]
    assert rows["images"] == ["4", "4", "3", "3", "4"]
    assert rows["mIoU"][3].startswith(f"{100 * other['crf']['miou']:.2f}")
    assert rows["boundary IoU"][4] == "–"
    head, *classes = page.table("IoU and share")
    assert head[3:] == [*columns, "b/eval-val"]
    assert classes[1][5] == f"{100 * other['per_class_iou']['dog']:.2f}"
    head, *widths = page.table("Trimap metrics in %")
    assert [name.removeprefix("mIoU, ") for name in head[1:5]] == columns
    assert widths[9][3] == f"{100 * other['trimap']['miou'][9]:.2f}"


def test_trimaps_of_other_contours_are_left_out(tmp_path):
    other = make_results(SPLIT.spec, IMAGES, trimap="label_edges")
    page = write(tmp_path, [save(tmp_path / "a", other)])
    head, *_ = page.table("Trimap metrics in %")
    assert len(head) == 1 + 4


def test_names_that_would_be_equal_are_whole_paths(tmp_path):
    files = [save(tmp_path / top / "run" / "eval", OLD) for top in ("a", "b")]
    assert [series.name for series in load_comparisons(files, SPLIT.spec)] == files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a metrics.json"),
        ('{"images": 3}', "not a metrics.json"),
        ('{"per_class_iou": {"cat": "high", "dog": 0, "fox": 0}}', "not a metrics.json"),
        ('{"per_class_iou": {"cat": 1, "dog": 0, "fox": 0}, "crf": 3}', "not a metrics.json"),
        (
            '{"per_class_iou": {"cat": 1, "dog": 0, "fox": 0}, "trimap": {"from": "void", '
            '"widths": [1, 2], "miou": [0.5], "pixel_accuracy": [0.5, 0.6]}}',
            "not a metrics.json",
        ),
        ('{"per_class_iou": {"cat": 46.2, "dog": 0, "fox": 0}}', "not a metrics.json"),
        ('{"per_class_iou": {}, "best_constant": 3}', "not a metrics.json"),
        (
            '{"per_class_iou": {}, "trimap": {"from": "void", "widths": ["1"], "miou": [0.5], '
            '"pixel_accuracy": [0.5]}}',
            "not a metrics.json",
        ),
        (
            '{"per_class_iou": {"cat": 1, "cow": 0}}',
            r"other classes.*m.json only: cow; <i>pets</i> only: dog, fox",
        ),
    ],
)
def test_what_cannot_be_compared_is_an_error_that_names_the_file(tmp_path, content, message):
    file = tmp_path / "m.json"
    file.write_text(content)
    with pytest.raises(DataError, match=rf"--compare=.*m\.json: .*{message}"):
        Report(SPLIT, compare=[str(file)])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: No such file"):
        Report(SPLIT, compare=[str(tmp_path / "none.json")])
