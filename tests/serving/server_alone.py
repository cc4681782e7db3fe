"""Serves a SavedModel in an environment that has no deeplab_tf and asks it; .ci/run calls this.

python -m tests.serving.server_alone FOLDER PYTHON, with what
tests/export/saved_model_predictions.py wrote and an interpreter that has tensorflow and
tensorflow-serving-api.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.serving_process import SERVER, running_server
from deeplab_tf.serving import GrpcClient, RestClient


def main(folder: Path, python: str):
    # A copy of the server: beside the checkout's there is the library.
    script = folder / "server" / "tests" / "serving" / SERVER.name
    shutil.copytree(SERVER.parent, script.parent)
    search = "import importlib.util as i; assert i.find_spec('deeplab_tf') is None"
    subprocess.run([python, "-P", "-c", search], check=True, cwd=folder)
    wanted = json.loads((folder / "errors.json").read_text())
    requests = [(folder / f"request_{index}").read_bytes() for index in range(len(wanted))]
    with running_server(folder / "saved_model", python=python, script=script) as server:
        for client in (
            GrpcClient(f"localhost:{server.grpc}"),
            RestClient(f"localhost:{server.rest}"),
        ):
            for index, answer in enumerate(client.label(requests)):
                assert answer.error.startswith(wanted[index]), (index, answer.error)
                assert bool(answer.error) == bool(wanted[index]), (index, answer.error)
                if not answer.error:
                    labels = np.load(folder / f"answer_{index}.npy")
                    assert answer.labels.shape == labels.shape
                    assert np.mean(answer.labels == labels) >= 0.9999, index
            print(f"{type(client).__name__}: {len(wanted)} images answered right")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
