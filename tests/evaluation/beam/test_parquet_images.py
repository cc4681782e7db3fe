"""Needs pyarrow, which the extra `beam` brings."""

import pickle

import numpy as np
import pytest

from deeplab_tf.data.image import read_upright
from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam import beam_package
from deeplab_tf.evaluation.beam.parquet_images import ParquetImages
from tests.data.archives import save_image


def write_table(file, group=3, **columns):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, file, row_group_size=group)
    return str(file)


def refs(images, start=0, stop=None):
    part = images.part(start, len(images.names) if stop is None else stop)
    return list(pickle.loads(pickle.dumps(part)))


def test_paths_are_below_the_folder_of_the_file(tmp_path):
    paths = [f"deep/{i}.jpg" for i in range(7)] + ["/other/x.jpg"]
    images = ParquetImages([write_table(tmp_path / "a.parquet", path=paths)])
    assert [ref.path for ref in refs(images)][-2:] == [f"{tmp_path}/deep/6.jpg", "/other/x.jpg"]
    assert images.names[-1] == "other/x.jpg"
    assert [ref.name for ref in refs(images)] == images.names
    assert all(ref.contents is None for ref in refs(images))


def test_bytes_become_the_image_of_their_file(tmp_path):
    for number in range(3):
        save_image(tmp_path / f"{number}.jpg", number)
    contents = [(tmp_path / f"{number}.jpg").read_bytes() for number in range(3)]
    images = ParquetImages([write_table(tmp_path / "a.parquet", bytes=[*contents, None])])
    assert images.names == [f"a-0000000{row}" for row in range(4)]
    found = refs(images)
    for number, ref in enumerate(found[:3]):
        np.testing.assert_array_equal(ref.read(), read_upright(tmp_path / f"{number}.jpg"))
        assert ref.path == f"{tmp_path}/a.parquet, row {number} (a-0000000{number})"
    with pytest.raises(DataError, match=r"a\.parquet, row 3 .*: no bytes"):
        found[3].read()


def test_bytes_count_where_there_are_paths_too(tmp_path):
    file = write_table(tmp_path / "a.parquet", path=["x/1.jpg", "x/2.jpg"], bytes=[b"1", b"2"])
    images = ParquetImages([file])
    assert images.names == ["1.jpg", "2.jpg"]
    assert [ref.contents for ref in refs(images)] == [b"1", b"2"]


def test_ids_are_names_whole_numbers_too(tmp_path):
    texts = write_table(tmp_path / "a.parquet", path=["x/1.jpg", "x/2.jpg"], id=["one", "two"])
    assert ParquetImages([texts]).names == ["one", "two"]
    numbers = write_table(tmp_path / "b.parquet", bytes=[b"1", b"2"], id=[7, None])
    images = ParquetImages([numbers])
    assert images.names == [ref.name for ref in refs(images)] == ["7", "b-00000001"]


@pytest.mark.parametrize("group", [1, 3, 50])
def test_a_part_has_its_rows_only_over_groups_and_files(tmp_path, group):
    files = []
    for number, count in enumerate((5, 0, 20, 1)):
        ids = [f"{number}.{row}" for row in range(count)]
        contents = [name.encode() for name in ids]
        import pyarrow

        files.append(
            write_table(
                tmp_path / f"{number}.parquet", group,
                id=pyarrow.array(ids, pyarrow.string()),
                bytes=pyarrow.array(contents, pyarrow.binary()),
            )
        )  # fmt: skip
    images = ParquetImages(files)
    assert len(images.names) == 26
    for start, stop in ((0, 26), (0, 1), (4, 6), (5, 25), (7, 24), (24, 26), (25, 26)):
        found = refs(images, start, stop)
        assert [ref.name for ref in found] == images.names[start:stop]
        assert [ref.contents.decode() for ref in found] == images.names[start:stop]


def test_a_path_that_is_missing_is_a_missing_file(tmp_path):
    images = ParquetImages([write_table(tmp_path / "a.parquet", path=["b.jpg", None])])
    with pytest.raises(DataError, match=r"a-00000001: cannot be read"):
        refs(images)[1].read()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": ["a"]}, "has neither a column path nor a column bytes. Columns: image"),
        ({"path": [1]}, "the column path holds int64"),
        ({"bytes": ["a"]}, "the column bytes holds string"),
        ({"path": ["a"], "id": [0.5]}, "the column id holds double"),
    ],
)
def test_other_columns_are_refused(tmp_path, columns, message):
    with pytest.raises(DataError, match=rf"a\.parquet: {message}"):
        ParquetImages([write_table(tmp_path / "a.parquet", **columns)])


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.parquet").write_text("mine")
    with pytest.raises(DataError, match=r"a\.parquet: no Parquet file"):
        ParquetImages([str(tmp_path / "a.parquet")])
    with pytest.raises(DataError, match=r"none\.parquet: cannot be read"):
        ParquetImages([str(tmp_path / "none.parquet")])
    import pyarrow

    empty = write_table(tmp_path / "b.parquet", path=pyarrow.array([], pyarrow.string()))
    with pytest.raises(DataError, match=r"b\.parquet: no images; there are no rows"):
        ParquetImages([empty])
    other = write_table(tmp_path / "c.parquet", bytes=[b"x"])
    with pytest.raises(DataError, match=r"c\.parquet and .*b\.parquet have other columns"):
        ParquetImages([empty, other])


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'deeplab_tf\[beam\]"):
        ParquetImages(["a.parquet"])
