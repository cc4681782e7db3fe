"""Serves a SavedModel in an environment without deeplab_tf and labels images; .ci/run calls this.

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
            for index, (labels, error) in enumerate(client.label(requests)):
                assert error.startswith(wanted[index]), (index, error)
                assert bool(error) == bool(wanted[index]), (index, error)
                if not error:
                    expected = np.load(folder / f"labels_{index}.npy")
                    assert labels.shape == expected.shape
                    assert np.mean(labels == expected) >= 0.9999, index
            print(f"{type(client).__name__}: {len(wanted)} predictions are right")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
