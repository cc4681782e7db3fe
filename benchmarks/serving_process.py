"""Starts the tests' server, which has TF Serving's interface, in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SERVER = Path(__file__).resolve().parents[1] / "tests" / "serving" / "server.py"


class Server(NamedTuple):
    """A running server on 127.0.0.1.

    Attributes:
        grpc: port of gRPC.
        rest: port of REST.
        process: process number.
    """

    grpc: int
    rest: int
    process: int

    @property
    def megabytes(self) -> float:
        """Resident memory now (Linux)."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def require_server():
    """Checks that the server can be started.

    Raises:
        ValueError: there is no checkout, of whose tests the server is a part, or the extra
            `serving` is not installed.
    """
    if not SERVER.exists():
        raise ValueError(f"{SERVER} is absent: the server comes with a checkout of the sources.")
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise ValueError("tensorflow-serving-api is absent: pip install 'deeplab_tf[serving]'.")


@contextlib.contextmanager
def running_server(
    model_dir: str | os.PathLike,
    name: str = "deeplab",
    *options: str,
    python: str = sys.executable,
    script: Path = SERVER,
) -> Iterator[Server]:
    """Runs the server while the context is open.

    Args:
        model_dir: folder with a SavedModel in a folder for each version.
        name: the model's name in requests.
        *options: more flags of the server.
        python: interpreter that runs the server.
        script: the server, or a copy of it.

    Yields:
        The server, ready for requests.

    Raises:
        ValueError: it cannot be started.
    """
    require_server()
    command = [python, str(script), f"--model_dir={model_dir}", f"--name={name}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(**_ports(process.stdout.readline(), command), process=process.pid)
        finally:
            process.terminate()


def _ports(line: str, command: list[str]) -> dict[str, int]:
    """Reads the line that the server prints when it is ready."""
    try:
        found = json.loads(line)
        return {"grpc": int(found["grpc"]), "rest": int(found["rest"])}
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"The server did not start; its messages are above: {command}") from None
