"""Serves the page until the process is stopped, and deletes its files then."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.demo.gradio_page import build_page, import_gradio
from deeplab_tf.demo.labeller import Labeller
from deeplab_tf.demo.result_html import STYLE
from deeplab_tf.demo.uploaded_image import MAX_BYTES
from deeplab_tf.demo.uploads import UploadLimit, Uploads
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS

# Logits of all visitors take up to so many bytes; the least recently used ones go first.
KEPT_BYTES = 2**31
EXAMPLES = 4
_PAGE_STYLE = """
#examples .grid-wrap { min-height: 0; padding: 8px; }
#examples .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
"""


def serve(labeller: Labeller, host: str, port: int) -> None:
    """Serves the page until the process ends.

    Args:
        labeller: labels images.
        host: address to listen at; `127.0.0.1` for this machine only.
        port: to listen at.

    Raises:
        ImportError: Gradio is not installed.
        OSError: the port is taken, or the host is no address of this machine.
    """
    _check_address(host, port)  # before the work of a minute
    with _exit_on_signals(), _temporary_folder() as folder:
        uploads = Uploads(folder / "uploads")
        # Before the import, which makes folders.
        os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
        gradio = import_gradio()
        from starlette.middleware import Middleware

        scenes = {f"val_{i:04d}": draw_scene("val", i)[0] for i in range(EXAMPLES)}
        for name, image in scenes.items():  # so that the first visitor does not wait for tracing
            labeller.refine(labeller.label(name, image), {})
        page = build_page(labeller, scenes, folder / "examples", uploads)
        options = {
            "state_session_capacity": _capacity(labeller.spec.num_classes),
            "theme": gradio.themes.Default(spacing_size="sm"),
            "app_kwargs": {"middleware": [Middleware(UploadLimit, uploads=uploads)]},
        }
        try:
            print(f"the page: {_launch(page, host, port, options)}", flush=True)
            page.block_thread()
        finally:
            page.close(verbose=False)  # so that nothing comes into the folder any more


def _check_address(host: str, port: int) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise OSError(
            f"Port {port} of {host} cannot be had ({error.strerror}); give another one, or another "
            "host such as 127.0.0.1."
        ) from error


def _launch(page: Any, host: str, port: int, options: dict[str, Any]) -> str:
    """Starts the server in a thread; returns the page's address."""
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            ssr_mode=False,
            pwa=False,
            max_file_size=MAX_BYTES,
            css=STYLE + _PAGE_STYLE,
            **options,
        )
    except OSError as error:
        raise OSError(f"Port {port} of {host} cannot be had; give another one.") from error
    return url


@contextlib.contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Has signals that end the process run its `finally` clauses; exit status 0."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # Python allows no handlers elsewhere

    def leave(*_: Any) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # a second one must not stop the cleaning up
        sys.exit()

    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="deeplab_demo_", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _capacity(num_classes: int) -> int:
    """Returns how many visitors' logits are kept at once."""
    return max(1, KEPT_BYTES // (4 * num_classes * WHOLE_PIXELS))
