"""A work directory in an object store: the run works in a copy of it, and uploads what changes.

Object stores can neither append to a file nor lock it, which a work directory needs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from deeplab_tf.data.files import is_temporary, naming_written, plain_reason
from deeplab_tf.data.paths import is_address, user_path

# Names the run that may write; that of the lock is of this machine only.
_OWNER, _LOCK = ".owner", ".lock"


class RemoteWorkdir(os.PathLike):
    """A copy, in a temporary folder, of a work directory at an address.

    What takes the path of a folder takes this object, and gets the copy's.

    Args:
        address: such as `gs://BUCKET/FOLDER`; any scheme that `tf.io.gfile` knows.

    Raises:
        ValueError: TensorFlow cannot reach such an address.
        OSError: it cannot be read.
    """

    def __init__(self, address: str):
        self.address = address.rstrip("/")
        self._require_file_system()
        temporary = tempfile.mkdtemp(prefix="deeplab_tf_")
        weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
        self._folder = Path(temporary) / "run"
        self._token: str | None = None
        self._uploaded: dict[str, tuple[int, int]] = {}  # name -> size and time of change
        self.download()

    def __fspath__(self) -> str:
        return str(self._folder)

    def __str__(self) -> str:
        return self.address

    def download(self) -> None:
        """Makes the copy what is at the address, as another worker has written it.

        Raises:
            OSError: it cannot be read.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        with _naming_read(self.address):
            is_run = tf.io.gfile.exists(f"{self.address}/config.json")
            for folder, _, names in tf.io.gfile.walk(self.address):
                for name in filter(_is_part_of_run, names):
                    copy = self._folder / folder[len(self.address) :].strip("/") / name
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    if is_run:
                        tf.io.gfile.copy(f"{folder.rstrip('/')}/{name}", str(copy))
                    else:
                        copy.touch()
                if not is_run:  # these names say whether it may become one; the rest may be large
                    break
        self._uploaded = self._files()

    def claim(self) -> None:
        """Makes this process the one that writes: another that did finds out, and ends."""
        self._token = uuid.uuid4().hex
        (self._folder / _OWNER).write_text(self._token)
        self._upload(_OWNER)

    def upload(self) -> None:
        """Uploads what has changed in the order of its changes, then deletes what is gone.

        So whatever part of it is done when a run is killed, the rest is what such a run repeats.
        A process that has not claimed the run, as one that is not the chief, uploads nothing.

        Raises:
            ValueError: another process has taken the run over.
            OSError: it cannot be written.
        """
        if self._token is None:
            return
        self._require_owner()
        files = self._files()
        for name in sorted(files, key=lambda name: (files[name][1], name)):
            if self._uploaded.get(name) != files[name]:
                self._upload(name)
        for name in self._uploaded.keys() - files.keys():
            place = f"{self.address}/{name}"
            with naming_written(place), contextlib.suppress(tf.errors.NotFoundError):
                tf.io.gfile.remove(place)
        self._uploaded = files

    def _upload(self, name: str) -> None:
        """Uploads a file, which appears at its address only when it is complete."""
        target = f"{self.address}/{name}"
        folder = target.rpartition("/")[0]
        temporary = f"{folder}/.{uuid.uuid4().hex[:12]}.part"
        with naming_written(target):
            tf.io.gfile.makedirs(folder)
            tf.io.gfile.copy(str(self._folder / name), temporary)
            tf.io.gfile.rename(temporary, target, overwrite=True)

    def _require_file_system(self) -> None:
        scheme, known = self.address.partition("://")[0], tf.io.gfile.get_registered_schemes()
        if scheme not in known:
            raise ValueError(
                f"{self.address}: TensorFlow has no file system for {scheme}:// here, only for "
                f"{', '.join(sorted(filter(None, known)))}. Mount the storage as a folder."
            )

    def _require_owner(self) -> None:
        with _naming_read(self.address), tf.io.gfile.GFile(f"{self.address}/{_OWNER}") as file:
            if file.read() != self._token:
                raise ValueError(
                    f"{self.address}: another process has taken this run over, and this one ends. "
                    "Was the same command started twice?"
                )

    def _files(self) -> dict[str, tuple[int, int]]:
        found = {}
        for path in self._folder.rglob("*"):
            if path.is_file() and _is_part_of_run(path.name):
                status = path.stat()
                name = path.relative_to(self._folder).as_posix()
                found[name] = status.st_size, status.st_mtime_ns
        return found


def open_workdir(place: str | os.PathLike) -> Path | RemoteWorkdir:
    """Returns the folder of a run, new or to be continued.

    Args:
        place: a path, or an address such as `gs://BUCKET/FOLDER`.

    Raises:
        ValueError: the path is empty, or TensorFlow cannot reach such an address.
        OSError: what is at an address cannot be read.
    """
    if isinstance(place, RemoteWorkdir):
        return place
    return RemoteWorkdir(str(place)) if is_address(place) else user_path(place)


def _is_part_of_run(name: str) -> bool:
    return name not in (_OWNER, _LOCK) and not is_temporary(name)


@contextlib.contextmanager
def _naming_read(address: str) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, f"cannot be read: {plain_reason(error)}", address) from error
