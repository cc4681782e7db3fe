"""tools/demo.py in a process of its own, cut off from other hosts."""

import json
import os
import signal
import socket

from tests.tools.commands import Command

CRF = {"iterations": 3, "bilateral_sigma_xy": 20.0, "bilateral_sigma_rgb": 10.0}


class Server:
    """A process that serves the page; `temporary` is its folder for temporary files."""

    def __init__(self, predictor, proxy, folder):
        predictor.model.save(folder / "model.keras")
        (folder / "crf.json").write_text(json.dumps(CRF))
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        outside = "http://{}:{}".format(*proxy.getsockname())
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), outside)
        self._command = Command(
            "demo.py", f"--port={port}", f"--model={folder / 'model.keras'}",
            f"--crf={folder / 'crf.json'}",
            environment={**proxies, "TMPDIR": str(self.temporary), "NO_PROXY": "127.0.0.1"},
        )  # fmt: skip
        line = self._command.wait_for_line("the page: ")  # after a hint on this machine's precision
        assert line == f"the page: http://127.0.0.1:{port}/", line
        self.address = line.split()[-1]

    def errors(self):
        """Returns what the process has complained about so far."""
        return self._command.complaints()

    def is_running(self):
        """Whether it has not been stopped."""
        return self._command.process.is_alive()

    def stop(self, number=signal.SIGTERM):
        """Sends a signal; returns exit status and what the process complained about."""
        os.kill(self._command.process.pid, number)
        status, _, errors = self._command.wait(30)
        return status, errors

    def folders(self):
        """Folders of the page among the temporary files."""
        return list(self.temporary.glob("deeplab_demo_*"))
