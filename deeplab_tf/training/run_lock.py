"""Keeps two processes from training in one work directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from deeplab_tf.data.files import make_folder

_NAME = ".lock"
# What file systems without locks answer; there nothing is kept.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextlib.contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Holds the lock of a work directory, which the system gives back when the process ends.

    Args:
        folder: the work directory, made where it is missing.

    Raises:
        ValueError: another process holds it; the message names it and its host.
        OSError: the folder cannot be made.
    """
    make_folder(folder)
    with (Path(folder) / _NAME).open("a+", encoding="utf-8") as file:
        _lock(file, fcntl.LOCK_EX, folder)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def refuse_locked(folder: str | os.PathLike) -> None:
    """Raises a ValueError, as `locked` does, if another process is training in a folder."""
    try:
        file = (Path(folder) / _NAME).open(encoding="utf-8")
    except (FileNotFoundError, PermissionError):
        return
    with file:
        _lock(file, fcntl.LOCK_SH, folder)  # shared: others may look at the same time


def _lock(file: TextIO, kind: int, folder: str | os.PathLike) -> None:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise ValueError(
            f"{folder}: {holder} is training in it. Wait for its end or stop it, or give another "
            "--workdir."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
