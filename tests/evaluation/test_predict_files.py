import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.evaluation.predict_files import predict_files
from deeplab_tf.evaluation.prediction_jobs import plan_jobs
from tests.models.broken import WHITE, break_on_white

SPEC = DatasetSpec("three", ("sky", "road", "tree"))


@pytest.fixture(scope="module")
def predictor():
    return deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=SPEC, width=0.05))


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "deep" / "er").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, [20, 31, 3], np.uint8)
    Image.fromarray(pixels).save(folder / "a.jpg")
    Image.fromarray(pixels).convert("L").save(folder / "deep" / "grey.PNG")
    Image.fromarray(pixels).convert("CMYK").save(folder / "deep" / "er" / "cmyk.jpeg")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_folder_keeps_its_sub_folders(images, tmp_path):
    jobs = plan_jobs(str(images), tmp_path / "out")
    targets = [job.target.relative_to(tmp_path / "out").as_posix() for job in jobs]
    assert targets == ["a.png", "deep/er/cmyk.png", "deep/grey.png"]


def test_a_file_and_a_pattern(images, tmp_path):
    (job,) = plan_jobs(str(images / "a.jpg"), tmp_path / "out")
    assert job.target == tmp_path / "out" / "a.png"
    jobs = plan_jobs(f"{images}/**/*.jp*g", tmp_path / "out")
    assert [job.target for job in jobs] == [
        tmp_path / "out" / "a.png",
        tmp_path / "out" / "deep" / "er" / "cmyk.png",
    ]


def test_two_writers_of_one_file_are_refused(images, tmp_path):
    Image.new("RGB", (3, 3)).save(images / "a.png")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png would both write"):
        plan_jobs(str(images), tmp_path / "out")


def test_an_image_named_like_an_overlay_is_refused(images, tmp_path):
    Image.new("RGB", (3, 3)).save(images / "a_overlay.jpg")
    with pytest.raises(ValueError, match="would both write"):
        plan_jobs(str(images), tmp_path / "out")


@pytest.mark.parametrize("source", ["", "a.jpg"])
def test_output_in_the_input_folder_is_refused(images, source):
    with pytest.raises(ValueError, match="give another one"):
        plan_jobs(str(images / source), images)


def test_labels_of_an_earlier_run_are_no_images(images, predictor):
    jobs = plan_jobs(str(images), images / "labels")
    predict_files(predictor, SPEC, jobs, formats=("png", "overlay"))
    assert plan_jobs(str(images), images / "labels") == jobs
    assert plan_jobs(f"{images}/**/*.*", images / "labels") == jobs
    inner = images / "deep" / "er"
    assert [job.source for job in plan_jobs(str(inner), images)] == [inner / "cmyk.jpeg"]


def test_every_format_gets_the_labels_of_its_pixels(tmp_path, predictor):
    pixels = np.random.default_rng(0).integers(0, 256, [20, 31, 3], np.uint8)
    (tmp_path / "in").mkdir()
    for ending in ("tif", "BMP", "webp", "Png"):
        file = tmp_path / f"in/{ending}.{ending}"
        Image.fromarray(pixels).save(file, **({"lossless": True} if ending == "webp" else {}))
    jobs = plan_jobs(tmp_path / "in", tmp_path / "out")
    assert predict_files(predictor, SPEC, jobs) == []
    assert len(jobs) == 4
    for job in jobs:
        np.testing.assert_array_equal(read_label(job.target), predictor(pixels))


def test_what_is_left_out_is_counted_and_named(images, tmp_path):
    (images / "._a.jpg").touch()
    logged = []
    plan_jobs(images, tmp_path / "out", logged.append)
    assert logged == [
        f"{images}: left out: 1 hidden or of the system (._a.jpg); 1 no image (notes.txt)"
    ]
    with pytest.raises(ValueError, match=r"no images .* found; left out: 1 no image \(notes"):
        plan_jobs(f"{images}/*.txt", tmp_path / "out")


def test_nothing_found(tmp_path):
    with pytest.raises(ValueError, match="no images"):
        plan_jobs(str(tmp_path / "nowhere"), tmp_path / "out")


def test_files_hold_the_predictors_labels(images, tmp_path, predictor):
    jobs = plan_jobs(str(images), tmp_path / "out")
    assert predict_files(predictor, SPEC, jobs, formats=("png", "overlay")) == []
    for job in jobs:
        image = deeplab_tf.data.read_upright(job.source)
        np.testing.assert_array_equal(read_label(job.target), predictor(image))
        with Image.open(job.target) as label, Image.open(job.file("overlay")) as overlay:
            assert label.mode == "P"
            assert bytes(label.getpalette()) == palette_bytes(SPEC)
            assert overlay.size == label.size == image.shape[1::-1]


def test_a_broken_file_does_not_stop_the_others(images, tmp_path, predictor):
    (images / "b.jpg").write_bytes((images / "a.jpg").read_bytes()[:300])
    jobs = plan_jobs(str(images), tmp_path / "out")
    (problem,) = predict_files(predictor, SPEC, jobs)
    assert "b.jpg" in problem
    assert [job.target.exists() for job in jobs] == [True, False, True, True]


def test_orientation_is_applied(tmp_path, predictor):
    pixels = np.random.default_rng(1).integers(0, 256, [20, 31, 3], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "turned.jpg", exif=exif)
    (job,) = jobs = plan_jobs(str(tmp_path / "in"), tmp_path / "out")
    assert predict_files(predictor, SPEC, jobs) == []
    assert read_label(job.target).shape == (31, 20)


def test_images_of_many_sizes_get_their_own_labels(tmp_path, predictor, monkeypatch):
    """Several batches: what is read, labelled and written at the same time is not mixed up."""
    monkeypatch.setattr("deeplab_tf.evaluation.labelled_sources.WHOLE_PIXELS", 2000)
    rng = np.random.default_rng(2)
    (tmp_path / "in").mkdir()
    for i in range(9):
        pixels = rng.integers(0, 256, [(20, 31), (31, 20), (45, 60)][i % 3] + (3,), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i}.png")
    (tmp_path / "in" / "4.png").write_bytes(b"no image")
    jobs = plan_jobs(str(tmp_path / "in"), tmp_path / "out")
    shown = []
    (problem,) = predict_files(
        predictor, SPEC, jobs, progress=lambda items: (shown.append(x) or x for x in items)
    )
    assert "4.png" in problem and len(shown) == 9
    for job in jobs:
        if job.source.name != "4.png":
            image = deeplab_tf.data.read_upright(job.source)
            assert np.mean(read_label(job.target) == predictor(image)) >= 0.999


def test_a_full_disk_is_an_error(images, tmp_path, predictor, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("deeplab_tf.evaluation.prediction_writer.write_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        predict_files(predictor, SPEC, plan_jobs(str(images), tmp_path / "out"))


def test_a_file_that_cannot_be_written_does_not_stop_the_others(images, tmp_path, predictor):
    for name in ("n" * 251 + ".jpg", "m" * 225 + ".jpg"):  # an overlay's name is longer
        (images / name).write_bytes((images / "a.jpg").read_bytes())
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    jobs = plan_jobs(str(images), tmp_path / "out")
    problems = predict_files(predictor, SPEC, jobs, formats=("png", "overlay"))
    assert len(problems) == 2
    for problem, name in zip(sorted(problems, key=len), ("a.png", "_overlay.png"), strict=True):
        assert f"{name}: cannot be written: " in problem and str(tmp_path / "out") in problem
    assert [job.target.is_file() for job in jobs] == [job.source.name != "a.jpg" for job in jobs]


def test_a_disk_that_is_full_stops_what_else_could_not_be_written(
    images, tmp_path, predictor, monkeypatch
):
    def full(source, target):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match=r"cannot be written: no space left.*out/a\.png"):
        predict_files(predictor, SPEC, plan_jobs(str(images), tmp_path / "out"))


def test_finished_means_all_outputs(images, tmp_path, predictor):
    job = plan_jobs(str(images / "a.jpg"), tmp_path / "out")[0]
    assert not job.is_finished(formats=("png",))
    predict_files(predictor, SPEC, [job])
    assert job.is_finished(formats=("png",)) and not job.is_finished(formats=("png", "overlay"))
    predict_files(predictor, SPEC, [job], formats=("png", "overlay"))
    assert job.is_finished(formats=("png", "overlay"))


def test_broken_logits_cost_one_image(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 200, [20, 31, 3], np.uint8)
        if i == 2:
            pixels[0, 0] = WHITE
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i}.png")
    jobs, shown = plan_jobs(str(tmp_path / "in"), tmp_path / "out"), []
    breaking = deeplab_tf.Predictor(break_on_white(deeplab_tf.DeepLab(dataset=SPEC, width=0.05)))
    (problem,) = predict_files(
        breaking, SPEC, jobs, progress=lambda items: (shown.append(x) or x for x in items)
    )
    assert problem.startswith(f"{tmp_path}/in/2.png: logits of the network are not finite")
    assert [job.target.exists() for job in jobs] == [True, True, False, True]
    assert len(shown) == 4
