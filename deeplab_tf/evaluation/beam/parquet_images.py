"""Images in the rows of Parquet files: their paths, or their bytes."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.beam_package import require_parquet
from deeplab_tf.evaluation.beam.image_ref import ImageRef, common_folder
from deeplab_tf.evaluation.beam.listed_images import below, resolve

ENDING = ".parquet"
COLUMNS = ("path", "bytes", "id")
# Rows that are in memory at once, with the bytes of their images.
_ROWS = 16


@dataclasses.dataclass(frozen=True)
class Rows:
    """Consecutive rows of a file."""

    file: str
    start: int
    count: int


@dataclasses.dataclass(frozen=True)
class ParquetPart:
    """Consecutive rows of the files, which a worker reads itself."""

    spans: tuple[Rows, ...]
    columns: tuple[str, ...]
    root: str

    def __iter__(self) -> Iterator[ImageRef]:
        for span in self.spans:
            for number, row in _rows(span, self.columns):
                yield _ref(span.file, number, row, self.root)


class ParquetImages:
    """The images of Parquet files; see `InputImages`.

    A file has a column `path` (relative paths are below its folder) or `bytes`, the content of an
    image file, which is taken where there are both. Names are those of a column `id`, else those of
    the paths, else FILE-ROW.

    Args:
        files: in their order; all have the same of these columns.

    Raises:
        DataError: a file cannot be read or has other columns.
        ImportError: pyarrow is not installed.
    """

    def __init__(self, files: Sequence[str]):
        require_parquet()
        self._columns = _common_columns(files)
        small = tuple(column for column in self._columns if column != "bytes")
        self._spans = [Rows(file, 0, _open(file).metadata.num_rows) for file in files]
        rows = [
            (span.file, number, row) for span in self._spans for number, row in _rows(span, small)
        ]
        if not rows:
            raise DataError(f"{files[0]}: no images; there are no rows.")
        paths = [_path(file, number, row) for file, number, row in rows]
        named_by_path = "path" in self._columns and "id" not in self._columns
        self._root = common_folder(paths) if named_by_path else ""
        self.names = [_name(file, number, row, self._root) for file, number, row in rows]

    def part(self, start: int, stop: int) -> ParquetPart:
        """Returns the images of a range of numbers."""
        spans, first = [], 0
        for span in self._spans:
            begin, end = max(start, first), min(stop, first + span.count)
            if begin < end:
                spans.append(Rows(span.file, begin - first, end - begin))
            first += span.count
        return ParquetPart(tuple(spans), self._columns, self._root)


def _common_columns(files: Sequence[str]) -> tuple[str, ...]:
    import pyarrow

    found: dict[str, tuple[str, ...]] = {}
    for file in files:
        schema = _open(file).schema_arrow
        found[file] = tuple(column for column in COLUMNS if column in schema.names)
        if not {"path", "bytes"} & set(found[file]):
            raise DataError(
                f"{file}: has neither a column path nor a column bytes. Columns: "
                f"{', '.join(schema.names)}."
            )
        if found[file] != found[files[0]]:
            raise DataError(f"{file} and {files[0]} have other columns of {', '.join(COLUMNS)}.")
        for column in found[file]:
            kind = schema.field(column).type
            types = pyarrow.types
            text = types.is_string(kind) or types.is_large_string(kind)
            binary = types.is_binary(kind) or types.is_large_binary(kind)
            if not {"path": text, "bytes": binary, "id": text or types.is_integer(kind)}[column]:
                raise DataError(f"{file}: the column {column} holds {kind}.")
    return found[files[0]]


def _open(file: str) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        # pyarrow closes what it has opened itself.
        opened = storage.open_file(file) if storage.is_address(file) else file
        return pyarrow.parquet.ParquetFile(opened)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{file}: no Parquet file ({str(error).splitlines()[0]})") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error}).") from None


def _rows(span: Rows, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the rows with their numbers; reads only the groups of rows that they are in."""
    if not columns:
        yield from ((number, {}) for number in range(span.start, span.start + span.count))
        return
    with _open(span.file) as file:
        first, stop = 0, span.start + span.count
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if first < stop and first + size > span.start:
                number = first
                batches = file.iter_batches(_ROWS, row_groups=[group], columns=list(columns))
                for batch in batches:
                    if number < stop and number + len(batch) > span.start:
                        for place, row in enumerate(batch.to_pylist()):
                            if span.start <= number + place < stop:
                                yield number + place, row
                    number += len(batch)
            first += size


def _ref(file: str, number: int, row: Mapping[str, Any], root: str) -> ImageRef:
    name = _name(file, number, row, root)
    if "bytes" in row:
        return ImageRef(f"{file}, row {number} ({name})", name, row["bytes"] or b"")
    return ImageRef(_path(file, number, row), name)


def _path(file: str, number: int, row: Mapping[str, Any]) -> str:
    """Returns the path in a row; without one, what such a row is called."""
    if row.get("path"):
        return resolve(row["path"], storage.dirname(file))
    return resolve(_number_name(file, number), storage.dirname(file))


def _name(file: str, number: int, row: Mapping[str, Any], root: str) -> str:
    if "id" in row:
        return str(row["id"]) if row["id"] is not None else _number_name(file, number)
    if "path" in row:
        return below(_path(file, number, row), root)
    return _number_name(file, number)


def _number_name(file: str, number: int) -> str:
    return f"{posixpath.basename(file).removesuffix(ENDING)}-{number:08}"
