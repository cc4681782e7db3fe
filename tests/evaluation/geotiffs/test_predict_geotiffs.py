import resource
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.evaluation import predictor as predictor_module
from deeplab_tf.evaluation.geotiffs import predict_geotiffs as geotiffs_module
from deeplab_tf.evaluation.geotiffs.geotiff_formats import is_geotiff, parse_bands
from deeplab_tf.evaluation.geotiffs.predict_geotiffs import predict_geotiffs
from deeplab_tf.evaluation.media import media_with
from deeplab_tf.evaluation.prediction_jobs import jobs_to_do, plan_media
from tests.models.broken import WHITE, break_on_white
from tests.models.narrow import patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")
SPEC = DatasetSpec("three", ("sky", "road", "tree"), ignore_label=250)
PLACE = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000)}
IMAGE = patches(61, 90)[0]


@pytest.fixture(scope="module")
def predictor():
    return deeplab_tf.Predictor(uncertain_model(IMAGE[None]))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def write(path, bands, **options):
    """Writes bands [B, H, W] with a georeference."""
    options = {**PLACE, **options}
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), dtype=bands.dtype, height=bands.shape[1],
        width=bands.shape[2], **options,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def bands_of(image):
    return np.moveaxis(image, -1, 0)


def plan(tmp_path, bands=None):
    plans = plan_media(
        tmp_path / "in", tmp_path / "out", lambda medium: medium.choose(), media_with(bands)
    )
    return next(plan.jobs for plan in plans if plan.formats == ("geotiff",))


def labels_of(path):
    with rasterio.open(path) as file:
        return file.read(1)


def test_labels_lie_where_the_file_does(folder, tmp_path, predictor):
    turned = Affine(0.4, 0.1, 5, 0.1, -0.4, 50)
    write(folder / "a.tif", bands_of(IMAGE), crs="EPSG:4326", transform=turned)
    (job,) = plan(tmp_path)
    assert predict_geotiffs(predictor, SPEC, [job]) == []
    assert job.file("geotiff") == tmp_path / "out/a.tif"
    with rasterio.open(job.file("geotiff")) as file:
        assert file.crs == CRS.from_epsg(4326) and file.transform == turned
        assert (file.count, file.dtypes[0], file.nodata) == (1, "uint8", SPEC.ignore_label)
        labels = file.read(1)
        np.testing.assert_array_equal(labels, predictor(IMAGE))
        assert len(np.unique(labels)) > 1
        colors = file.colormap(1)
    assert [colors[i][:3] for i in range(3)] == list(SPEC.palette)
    assert colors[SPEC.ignore_label][:3] == tuple(palette_bytes(SPEC)[750:753])
    shown = np.asarray(Image.open(job.file("geotiff")).convert("RGB"))
    np.testing.assert_array_equal(shown, np.array(SPEC.palette)[labels])


@pytest.mark.parametrize("crf", [None, {"iterations": 2, "bilateral_sigma_xy": 10.0}])
def test_a_large_file_is_read_by_windows_with_the_same_labels(
    folder, tmp_path, predictor, monkeypatch, crf
):
    for module in (predictor_module, geotiffs_module):
        monkeypatch.setattr(module, "WHOLE_PIXELS", 50 * 50)
    tiled = deeplab_tf.Predictor(predictor.model, crf=crf, tile=49)
    write(folder / "a.tif", bands_of(IMAGE), tiled=True, blockxsize=16, blockysize=16)
    (job,) = plan(tmp_path)
    sizes, shown = [], []

    class Recording:
        grid = tiled.grid

        def __call__(self, image):
            sizes.append(image.shape[:2])
            return tiled(image)

    def progress(tiles, total):
        shown.append(total)
        return tiles

    assert predict_geotiffs(Recording(), SPEC, [job], progress=progress) == []
    np.testing.assert_array_equal(labels_of(job.file("geotiff")), tiled(IMAGE))
    assert len(sizes) == shown[0] > 4 and max(max(size) for size in sizes) <= tiled.grid.side


@pytest.mark.parametrize(("bands", "order"), [(None, [0, 1, 2]), ([3, 2, 1], [2, 1, 0])])
def test_three_bands_in_any_order(folder, tmp_path, predictor, bands, order):
    write(folder / "a.tif", bands_of(IMAGE))
    (job,) = plan(tmp_path, bands)
    assert predict_geotiffs(predictor, SPEC, [job], bands) == []
    wanted = predictor(np.ascontiguousarray(IMAGE[..., order]))
    np.testing.assert_array_equal(labels_of(job.file("geotiff")), wanted)


def test_more_bands_are_chosen_from(folder, tmp_path, predictor):
    five = np.concatenate([bands_of(IMAGE)[::-1], bands_of(IMAGE)[:2] // 3])
    write(folder / "a.tif", five, photometric="minisblack")
    write(folder / "b.tiff", five[:1])
    jobs = plan(tmp_path)
    many, one = predict_geotiffs(predictor, SPEC, jobs)
    assert many == (
        f"{folder}/a.tif: has 5 band(s), and the network sees 3. "
        "Name those for red, green and blue, such as --bands=3,2,1."
    )
    assert one.startswith(f"{folder}/b.tiff: has 1 band(s)")
    assert not (tmp_path / "out").exists()
    assert predict_geotiffs(predictor, SPEC, jobs, [3, 2, 1]) == [
        f"{folder}/b.tiff: has bands 1 to 1, none 3."
    ]
    np.testing.assert_array_equal(labels_of(jobs[0].file("geotiff")), predictor(IMAGE))


@pytest.mark.parametrize("kind", ["nodata", "alpha"])
def test_where_nothing_is_there_are_no_labels(folder, tmp_path, predictor, kind):
    image = np.maximum(IMAGE, 1)
    empty = np.zeros(image.shape[:2], bool)
    empty[:20, :30] = True
    if kind == "nodata":
        write(folder / "a.tif", bands_of(np.where(empty[..., None], 0, image)), nodata=0)
    else:
        alpha = np.where(empty, 0, 255).astype(np.uint8)[None]
        path = write(folder / "a.tif", np.concatenate([bands_of(image), alpha]), alpha="yes")
        with rasterio.open(path) as file:
            assert file.colorinterp[3] == ColorInterp.alpha
    (job,) = plan(tmp_path)
    assert predict_geotiffs(predictor, SPEC, [job]) == []
    np.testing.assert_array_equal(labels_of(job.file("geotiff")) == SPEC.ignore_label, empty)
    with rasterio.open(job.file("geotiff")) as file:
        np.testing.assert_array_equal(file.dataset_mask() == 0, empty)


def test_an_empty_file_needs_no_network(folder, tmp_path):
    write(folder / "a.tif", np.zeros([3, 20, 30], np.uint8), nodata=0)
    (job,) = plan(tmp_path)
    assert predict_geotiffs(None, SPEC, [job]) == []
    assert (labels_of(job.file("geotiff")) == SPEC.ignore_label).all()


@pytest.mark.parametrize("bits", [8, 11, 16])
def test_values_of_16_bits(folder, tmp_path, predictor, bits, capsys):
    image = IMAGE.copy()
    image[0, 0] = 255
    write(folder / "a.tif", bands_of(image.astype(np.uint16)) << (bits - 8))
    (job,) = plan(tmp_path)
    assert predict_geotiffs(predictor, SPEC, [job]) == []
    np.testing.assert_array_equal(labels_of(job.file("geotiff")), predictor(image))
    assert f"a.tif: 16 bits with values up to {255 << (bits - 8)}, divided by" in (
        capsys.readouterr().out
    )


def test_points_on_the_ground_are_kept(folder, tmp_path, predictor):
    points = [GroundControlPoint(0, 0, 10, 50), GroundControlPoint(0, 90, 11, 50),
              GroundControlPoint(61, 0, 10, 49)]  # fmt: skip
    path = write(folder / "a.tif", bands_of(IMAGE), crs=None, transform=Affine.identity())
    with rasterio.open(path, "r+") as file:
        file.gcps = points, CRS.from_epsg(4326)
    (job,) = plan(tmp_path)
    assert predict_geotiffs(predictor, SPEC, [job]) == []
    with rasterio.open(job.file("geotiff")) as file:
        found, projection = file.gcps
    assert [(p.row, p.col, p.x, p.y) for p in found] == [(p.row, p.col, p.x, p.y) for p in points]
    assert projection == CRS.from_epsg(4326)


def test_some_classes_only(folder, tmp_path, predictor):
    write(folder / "a.tif", bands_of(IMAGE))
    (job,) = plan(tmp_path)
    assert predict_geotiffs(predictor, SPEC, [job], classes=["road"]) == []
    labels = predictor(IMAGE)
    wanted = np.where(labels == 1, 1, SPEC.ignore_label)
    np.testing.assert_array_equal(labels_of(job.file("geotiff")), wanted)


# === Which files are taken ===


def test_a_tiff_without_a_place_is_an_image_unless_bands_are_given(folder, tmp_path):
    plain, deep = folder / "plain.tif", folder / "deep.tif"
    Image.fromarray(IMAGE).save(plain)
    write(deep, bands_of(IMAGE).astype(np.uint16))  # of a kind that Pillow does not open
    write(folder / "large.TIF", bands_of(IMAGE), bigtiff="yes")
    (folder / "text.tif").write_text("no image")
    assert [path.name for path in sorted(folder.iterdir()) if is_geotiff(path)] == [
        "deep.tif", "large.TIF",
    ]  # fmt: skip
    assert [job.source.name for job in plan(tmp_path)] == ["deep.tif", "large.TIF"]
    assert len(plan(tmp_path, bands=[1, 2, 3])) == 4


def test_without_a_place_there_is_none_to_keep(folder, tmp_path, predictor):
    Image.fromarray(IMAGE).save(folder / "plain.tif")
    (job,) = plan(tmp_path, bands=[1, 2, 3])
    assert predict_geotiffs(predictor, SPEC, [job], [1, 2, 3]) == []
    np.testing.assert_array_equal(labels_of(job.file("geotiff")), predictor(IMAGE))


def test_bands_are_three_numbers():
    assert parse_bands(None) is None
    assert parse_bands(["4", " 3", "2"]) == [4, 3, 2]
    for wrong in (
        [],
        ["1"],
        ["1", "2", "3", "4"],
        ["0", "1", "2"],
        ["a", "b", "c"],
        ["-1", "2", "3"],
    ):
        with pytest.raises(ValueError, match="--bands takes the numbers of three bands"):
            parse_bands(wrong)


# === What goes wrong ===


def test_broken_files_do_not_stop_the_others(folder, tmp_path, predictor):
    data = write(folder / "broken.tif", bands_of(patches(200, 300)[0])).read_bytes()
    (folder / "broken.tif").write_bytes(data[: len(data) // 2])
    write(folder / "float.tif", bands_of(IMAGE).astype(np.float32))
    write(folder / "good.tif", bands_of(IMAGE))
    (folder / "text.tif").write_text("no image")
    problems = predict_geotiffs(predictor, SPEC, plan(tmp_path, bands=[1, 2, 3]), [1, 2, 3])
    starts = ["broken.tif: cannot be read (", "float.tif: holds float32; ", "text.tif: cannot be"]
    for problem, start in zip(problems, starts, strict=True):
        assert problem.startswith(f"{folder}/{start}") and "\n" not in problem
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.tif"]


def test_broken_logits_cost_one_file(folder, tmp_path):
    image = IMAGE.copy()
    image[0, 0] = WHITE
    write(folder / "a.tif", bands_of(image))
    write(folder / "b.tif", bands_of(np.minimum(IMAGE, 200)))
    breaking = deeplab_tf.Predictor(break_on_white(deeplab_tf.DeepLab(dataset=SPEC, width=0.05)))
    (problem,) = predict_geotiffs(breaking, SPEC, plan(tmp_path))
    assert problem.startswith(f"{folder}/a.tif: logits of the network are not finite")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.tif"]


def test_only_our_files_are_replaced_and_finished(folder, tmp_path, predictor, monkeypatch):
    write(folder / "a.tif", bands_of(IMAGE))
    (job,) = jobs = plan(tmp_path)
    job.file("geotiff").parent.mkdir()
    write(job.file("geotiff"), bands_of(IMAGE))
    with pytest.raises(ValueError, match=r"out/a\.tif is there and this program did not write it"):
        jobs_to_do(jobs, ["geotiff"])
    job.file("geotiff").unlink()
    predict_geotiffs(predictor, SPEC, jobs)
    assert jobs_to_do(jobs, ["geotiff"]) == jobs
    assert jobs_to_do(jobs, ["geotiff"], resume=True) == []

    def full(source, target):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        predict_geotiffs(predictor, SPEC, jobs)


def test_a_file_that_cannot_be_written(folder, tmp_path, predictor):
    write(folder / "a.tif", bands_of(IMAGE))
    (job,) = plan(tmp_path)
    job.file("geotiff").mkdir(parents=True)
    (problem,) = predict_geotiffs(predictor, SPEC, [job])
    assert problem.startswith(f"{tmp_path}/out/a.tif: cannot be written: ")


@pytest.mark.parametrize("size", [200, 600])
def test_a_file_is_whole_or_not_there(folder, tmp_path, monkeypatch, size):
    """Small files are written when they are closed, of which GDAL reports no error."""
    write(folder / "a.tif", np.zeros([3, size, size], np.uint8))
    jobs, limits = plan(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)

    def noise(image):
        return np.random.default_rng(0).integers(0, 3, image.shape[:2], np.uint8)

    for free, reason in ((2**30, "Input/output error"), (0, "no space left on device")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
        try:
            if free:
                (problem,) = predict_geotiffs(noise, SPEC, jobs)
            else:
                with pytest.raises(OSError, match=reason) as full:
                    predict_geotiffs(noise, SPEC, jobs)
                problem = f"{full.value.filename}: {full.value.strerror}"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert problem == f"{tmp_path}/out/a.tif: cannot be written: {reason}"
        assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_package_names_its_extra(folder, tmp_path, monkeypatch):
    write(folder / "a.tif", bands_of(IMAGE))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"needs rasterio: pip install 'deeplab_tf\[geo\]'"):
        plan(tmp_path)
