"""tools/demo.py in a process of its own, cut off from other hosts."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRF = {"iterations": 3, "bilateral_sigma_xy": 20.0, "bilateral_sigma_rgb": 10.0}


class Server:
    """A process that serves the page; `temporary` is its folder for temporary files."""

    def __init__(self, predictor, proxy, folder):
        predictor.model.save(folder / "model.keras")
        (folder / "crf.json").write_text(json.dumps(CRF))
        self.errors, self.temporary = folder / "errors.txt", folder / "temporary"
        self.temporary.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        outside = "http://{}:{}".format(*proxy.getsockname())
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), outside)
        paths = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)}
        environment = {**os.environ, **proxies, **paths, "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, str(ROOT / "tools/demo.py"), f"--port={port}"]
        command += [f"--model={folder / 'model.keras'}", f"--crf={folder / 'crf.json'}"]
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        line = self.process.stdout.readline()
        assert line == f"the page: http://127.0.0.1:{port}/\n", self.errors.read_text()
        self.address = line.split()[-1]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.stdout.close()
        return self.process.wait(30)

    def folders(self):
        """Folders of the page among the temporary files."""
        return list(self.temporary.glob("deeplab_demo_*"))
