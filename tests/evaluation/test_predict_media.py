"""The program on a folder of images, videos and GeoTIFF files."""

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from tests.evaluation.geotiffs.test_predict_geotiffs import labels_of, write
from tests.evaluation.prediction_formats.test_coco_json import coco_names
from tests.evaluation.videos.clips import read_clip, write_clip
from tests.models.narrow import patches, uncertain_model
from tests.tools.loading import call

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")
IMAGE = patches(36, 52)[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    spec = DatasetSpec("three", ("sky", "road", "tree lamp"))
    uncertain_model(IMAGE[None], dataset=spec).save(path)
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        Image.fromarray(IMAGE).save(tmp_path / "in" / name)
    write_clip(tmp_path / "in/deep/film.mp4", count=3)
    write(tmp_path / "in/map.tif", np.moveaxis(IMAGE, -1, 0))
    return tmp_path


def written(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}


def test_every_kind_has_its_own_output(here, model, capsys):
    arguments = ["predict.py", f"--model={model}", "--input=in", "--output=out"]
    assert call(*arguments, "--resume") == 0
    wanted = {"a.png", "deep/b.png", "deep/film_overlay.mp4", "map.tif"}
    assert written(here / "out") == wanted
    assert "4 of 4 files labelled: out" in capsys.readouterr().out
    labels = deeplab_tf.Predictor(deeplab_tf.load(model))(IMAGE)
    np.testing.assert_array_equal(labels_of(here / "out/map.tif"), labels)
    np.testing.assert_array_equal(np.asarray(Image.open(here / "out/a.png")), labels)
    assert len(read_clip(here / "out/deep/film_overlay.mp4")[0]) == 3
    (here / "in/deep/film.mp4").write_text("broken since")
    (here / "out/map.tif").unlink()
    assert call(*arguments, "--resume") == 0
    told = capsys.readouterr().out
    assert "3 of 4 files were labelled before" in told and "1 of 1 files labelled" in told
    assert written(here / "out") == wanted


def test_some_classes_in_some_formats(here, model, capsys):
    arguments = [f"--model={model}", "--input=in/**/*.png", "--output=out", "--overlay"]
    call("predict.py", *arguments, "--format=coco,confidence", "--classes=Tree_Lamp,sky")
    assert "2 of 2 images labelled: out" in capsys.readouterr().out
    assert written(here / "out") == {
        "coco.json", "a_overlay.png", "a_confidence.png", "deep/b_overlay.png",
        "deep/b_confidence.png",
    }  # fmt: skip
    assert coco_names(here / "out/coco.json") == {"a.png", "deep/b.png"}


def test_a_broken_video_is_one_line_and_a_status(here, model, capsys):
    (here / "in/deep/film.mp4").write_text("no video")
    assert call("predict.py", f"--model={model}", "--input=in", "--output=out") == 1
    printed = capsys.readouterr()
    assert "in/deep/film.mp4: no video that can be read" in printed.err
    assert "3 of 4 files labelled" in printed.out


def test_an_unknown_class_stops_before_any_work(here, model):
    with pytest.raises(ValueError, match="--classes: 'cat' is no class of the model"):
        call("predict.py", f"--model={model}", "--input=in", "--output=out", "--classes=cat")
    assert not (here / "out").exists()


def test_formats_that_one_of_the_kinds_has_not(here, model):
    with pytest.raises(ValueError, match="--format of videos takes some of overlay, color"):
        call("predict.py", f"--model={model}", "--input=in", "--output=out", "--format=npz")
