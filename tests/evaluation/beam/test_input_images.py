import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam.input_images import label_name, open_input
from deeplab_tf.evaluation.prediction_jobs import plan_jobs
from tests.data.archives import save_image


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "deep/b.PNG", "deep/er/c.tif"):
        save_image(tmp_path / "in" / name, 0)
    (tmp_path / "in/notes.txt").write_text("a.jpg\ndeep/b.PNG\n")
    return tmp_path / "in"


def opened(*arguments, **options):
    logged = []
    images = open_input(*arguments, log=logged.append, **options)
    refs = list(images.part(0, len(images.names)))
    assert [ref.name for ref in refs] == images.names
    return refs, logged


@pytest.mark.parametrize("source", ["in", "in/", "in/**/*.*", "in/deep", "in/a.jpg", "in/*/b.*"])
@pytest.mark.parametrize("labels", ["out", None])
def test_images_are_those_of_predict(images, source, labels):
    jobs = plan_jobs(source, "out", log=lambda line: None)
    refs, _ = opened(source, labels)
    assert [ref.name for ref in refs] == [job.name for job in jobs]
    assert [ref.path for ref in refs] == [str(job.source.absolute()) for job in jobs]
    for ref, job in zip(refs, jobs, strict=True):
        assert f"out/{label_name(ref.name)}" == str(job.target)


@pytest.mark.parametrize("labels", ["out", None])
def test_what_is_left_out_is_told(images, labels):
    assert opened("in", labels)[1] == ["in: left out: 1 no image (notes.txt)"]


def test_labels_of_an_earlier_run_are_no_images(images):
    save_image(images / "labels/a.png", 0)
    refs, _ = opened("in", "in/labels")
    assert [ref.name for ref in refs] == ["a.jpg", "deep/b.PNG", "deep/er/c.tif"]


def test_another_file_is_a_list(images):
    refs, logged = opened("in/notes.txt", "out")
    assert [ref.path for ref in refs] == [f"{images}/a.jpg", f"{images}/deep/b.PNG"]
    assert logged == []


def test_a_list_under_a_name_with_wildcards(images):
    (images / "list[1]").write_text("a.jpg\n")
    assert len(opened("in/list[1]", "out")[0]) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none", r"none: no images .*found"),
        ("in/none/*.jpg", "no images"),
        ("none.parquet", r"none\.parquet: no such file"),
        ("in/*.parquet", "no such file"),
        ("in/../in/notes.txt/x", "no images"),
    ],
)
@pytest.mark.parametrize("labels", ["out", None])
def test_nothing_found(images, source, message, labels):
    with pytest.raises(ValueError, match=message):
        open_input(source, labels)


@pytest.mark.parametrize(
    ("lines", "labels", "message"),
    [
        ("a.jpg\na.jpg\n", None, "a.jpg is there twice"),
        ("a.jpg\na.jpg\n", "out", "a.jpg is there twice"),
        ("a.jpg\na.bmp\n", "out", "a.jpg and a.bmp would both write a.png"),
        ("a\\b.jpg\n", "out", "has a backslash"),
        ("a\tb.jpg\n", None, "holds a control character"),
    ],
)
def test_names_that_do_not_tell_images_apart(images, lines, labels, message):
    (images / "list.txt").write_text(lines)
    with pytest.raises(DataError) as refused:
        open_input("in/list.txt", labels)
    assert "in/list.txt: " in str(refused.value) and message in str(refused.value)


def test_two_images_of_one_name_are_two_records(images):
    (images / "list.txt").write_text("a.jpg\na.bmp\n")
    assert len(opened("in/list.txt", None)[0]) == 2


def test_names_of_labels():
    names = {"a.jpg": "a.png", "b/c.JPEG": "b/c.png", "2020.05.01": "2020.05.01.png", "x": "x.png"}
    assert {name: label_name(name) for name in names} == names


# === Parquet; needs pyarrow ===


def test_parquet_by_file_pattern_and_folder(images):
    import pyarrow
    import pyarrow.parquet

    (images / "table.parquet").mkdir()
    for number in range(2):
        table = pyarrow.table({"path": [f"../x{number}.jpg"]})
        pyarrow.parquet.write_table(table, images / f"table.parquet/part-{number}.parquet")
    wanted = [f"{images}/x0.jpg", f"{images}/x1.jpg"]
    for source in ("in/table.parquet", "in/table.parquet/", "in/table.parquet/*.parquet"):
        assert [ref.path for ref in opened(source, "out")[0]] == wanted
    assert len(opened("in/table.parquet/part-1.parquet", "out")[0]) == 1
