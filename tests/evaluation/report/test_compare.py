import json

import pytest

from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.report import Report
from deeplab_tf.evaluation.report.compare import load_comparisons
from tests.evaluation.report.pages import make_images, make_results, make_split, table, text, write

NAMES = ("cat", "dog", "fox")
SPLIT = make_split(NAMES)
IMAGES = make_images(4)
OLD = make_results(SPLIT.spec, make_images(4, stages=1))
OLD = {key: OLD[key] for key in ("split", "images", "miou", "pixel_accuracy", "per_class_iou")}
CLASSES = '"per_class_iou": {"cat": 1, "dog": 0, "fox": null}'


def save(folder, results):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(results))
    return str(folder / "metrics.json")


def test_every_file_adds_its_stages_as_columns(tmp_path):
    other = make_results(SPLIT.spec, make_images(3), trimap="void", boundary=True)
    files = [save(tmp_path / "a" / "eval-val", other), save(tmp_path / "b" / "eval-val", OLD)]
    page, _ = write(tmp_path, IMAGES, NAMES, files, trimap="void", boundary=True)
    columns = [f"{n}, {s} CRF" for n in ("this run", "a/eval-val") for s in ("before", "after")]
    assert "not all columns are of the same images" in text(next(page.iter("caption")))
    rows = {row[0]: row[1:] for row in table(page, "Metrics in %, best")}
    assert rows[""] == [*columns, "b/eval-val"]
    assert rows["images"] == ["4", "4", "3", "3", "4"]
    assert rows["mIoU"][3].startswith(f"{100 * other['crf']['miou']:.2f}")
    for lacking in ("boundary IoU", "majority-class baseline", "majority class", "seconds"):
        assert rows[lacking][4] == "–"
    head, *classes = table(page, "IoU and share")
    assert head[3:] == [*columns, "b/eval-val"]
    assert classes[1][5] == f"{100 * other['per_class_iou']['dog']:.2f}"
    head, *widths = table(page, "mIoU in % by the distance")
    assert head[1:] == columns
    assert widths[9][3] == f"{100 * other['trimap']['miou'][9]:.2f}"


def test_trimaps_of_other_contours_are_left_out(tmp_path):
    file = save(tmp_path / "a", make_results(SPLIT.spec, IMAGES, trimap="label_edges"))
    page, _ = write(tmp_path, IMAGES, NAMES, [file], trimap="void")
    assert len(table(page, "mIoU in % by the distance")[0]) == 1 + 2


def test_names_that_would_be_equal_are_whole_paths(tmp_path):
    files = [save(tmp_path / top / "run" / "eval", OLD) for top in ("a", "b")]
    assert [column["name"] for column in load_comparisons(files, SPLIT.spec)] == files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a metrics.json"),
        ('{"images": 3}', "not a metrics.json"),
        ('{"per_class_iou": {"cat": "high", "dog": 0, "fox": 0}}', "not a metrics.json"),
        ('{"per_class_iou": {"cat": 46.2, "dog": 0, "fox": 0}}', "not a metrics.json"),
        (f'{{{CLASSES}, "crf": 3}}', "not a metrics.json"),
        (f'{{{CLASSES}, "miou": [0.5]}}', "not a metrics.json"),
        (f'{{{CLASSES}, "best_constant": 3}}', "not a metrics.json"),
        (
            f'{{{CLASSES}, "trimap": {{"from": "void", "widths": [1, 2], "miou": [0.5], '
            '"pixel_accuracy": [0.5, 0.6]}}',
            "not a metrics.json",
        ),
        (
            f'{{{CLASSES}, "trimap": {{"from": "void", "widths": ["1"], "miou": [0.5], '
            '"pixel_accuracy": [0.5]}}',
            "not a metrics.json",
        ),
        ('{"per_class_iou": {"cat": 1, "cow": 0}}', "other classes.*only one has cow, dog, fox"),
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
