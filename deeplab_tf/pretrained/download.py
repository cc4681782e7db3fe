"""Downloads a file whose size and hash are known, and goes on where it was cut off."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from deeplab_tf.data.files import file_hash, make_folder, naming_written

# Seconds until a server has to take the connection, and between two pieces of the file.
TIMEOUTS = (10.0, 30.0)
# Seconds before each further try of an address; a try that brought something begins them anew.
WAITS = (1.0, 2.0, 4.0)
_PIECE = 1 << 16


class DownloadError(Exception):
    """No address gave the file; the message says what each of them did."""


class _AddressError(Exception):
    """An address does not have the file; trying it again changes nothing."""


def download(urls: Sequence[str], target: Path, size: int, sha256: str) -> Path:
    """Downloads a file, unless another process has done so meanwhile.

    Its part is kept beside it when the download ends early, and the next one goes on there.
    Of several processes one downloads, and the others wait for it.

    Args:
        urls: addresses in the order in which they are tried.
        target: where the file goes; it appears only when it is whole.
        size: its bytes.
        sha256: its hash, hexadecimal.

    Returns:
        The target.

    Raises:
        DownloadError: there is no address, or none of them gives the file.
        OSError: the file cannot be written.
    """
    if not urls:
        raise DownloadError("no address of it is known")
    make_folder(target.parent, target)
    # Of another release of the file nothing is used.
    part = target.with_name(f"{target.name}.{sha256[:12]}.part")
    with _one_process(target), naming_written(target, part):
        if target.is_file() and file_hash(target) == sha256:
            return target
        reasons = []
        for url in urls:
            try:
                _fetch(url, part, size, sha256)
            except (_AddressError, requests.RequestException) as error:
                reasons.append(f"{url}: {_reason(error)}")
                continue
            os.replace(part, target)
            return target
    raise DownloadError("; ".join(reasons))


@contextlib.contextmanager
def _one_process(target: Path) -> Iterator[None]:
    """Waits until no other process downloads the same file."""
    with naming_written(target):
        file = target.with_name(f"{target.name}.lock").open("w")
    with file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(url: str, part: Path, size: int, sha256: str) -> None:
    """Brings the part to its full size, with further tries, and checks its hash."""
    had_some = _bytes_of(part) > 0
    waits = iter(WAITS)
    while (had := _bytes_of(part)) < size:
        try:
            _fetch_rest(url, part, size)
            continue
        except requests.RequestException as error:
            problem = error
        if _bytes_of(part) > had:
            waits = iter(WAITS)
        wait = next(waits, None)
        if wait is None:
            raise problem
        time.sleep(wait)
    if _bytes_of(part) > size or file_hash(part) != sha256:
        part.unlink()
        if had_some:  # the wrong bytes may be those
            return _fetch(url, part, size, sha256)
        raise _AddressError("gives another file (its SHA-256 is not the published one)")


def _fetch_rest(url: str, part: Path, size: int) -> None:
    """Appends what the part lacks; what an address sends from the start replaces it."""
    had = _bytes_of(part)
    headers = {"Range": f"bytes={had}-", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as response:
        answer = f"answers {response.status_code} {response.reason}"
        if response.status_code >= 500:
            raise requests.RequestException(answer)
        if response.status_code not in (200, 206):
            raise _AddressError(answer)
        goes_on = response.status_code == 206 and _start_of(response) == had
        if response.status_code == 206 and not goes_on:
            raise _AddressError("sends another range of bytes than was asked for")
        start = had if goes_on else 0
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and start + int(length) != size:
            raise _AddressError(f"gives a file of {start + int(length)} bytes instead of {size}")
        bar = tqdm(
            total=size, initial=start, unit="B", unit_scale=True, disable=None,
            desc=part.name.split(".")[0],
        )  # fmt: skip
        with part.open("ab" if goes_on else "wb") as file, bar:
            for piece in response.iter_content(_PIECE):
                file.write(piece)
                bar.update(len(piece))
                if file.tell() > size:
                    break
    if _bytes_of(part) < size:
        raise requests.exceptions.ChunkedEncodingError


def _start_of(response: requests.Response) -> int | None:
    """Returns the first byte of the range that a server sends."""
    words = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")
    return int(words[0]) if words[0].isdigit() else None


def _bytes_of(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _reason(error: Exception) -> str:
    """Returns what went wrong, without the objects that requests quotes."""
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "breaks off before the end"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)
