"""A server for tests with TF Serving's `Predict` over gRPC and REST, where its image cannot be run.

python tests/serving/server.py --model_dir=EXPORT/deeplab --name=deeplab

It listens on this machine alone and prints one line {"grpc": PORT, "rest": PORT} when it is ready.
It needs tensorflow and tensorflow-serving-api, never deeplab_tf, and ends with the process that
started it.
"""

import argparse
import functools
import json
import os
import sys
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", required=True, help="folder with a folder per version")
    parser.add_argument("--name", default="deeplab")
    parser.add_argument("--all_versions", action="store_true", help="not the highest alone")
    options = parser.parse_args()
    parent = os.getppid()

    from tests.serving.protocols import handle_grpc, handle_rest
    from tests.serving.servables import Servables
    from tests.serving.transport import grpc_server, http_server

    servables = Servables(options.model_dir, options.name, options.all_versions)
    with (
        grpc_server(functools.partial(handle_grpc, servables)) as grpc_port,
        http_server(functools.partial(handle_rest, servables)) as rest_port,
    ):
        print(json.dumps({"grpc": grpc_port, "rest": rest_port}), flush=True)
        while os.getppid() == parent:
            time.sleep(0.5)


if __name__ == "__main__":
    sys.modules["deeplab_tf"] = None  # what is served has to stand alone
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
