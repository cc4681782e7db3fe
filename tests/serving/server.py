"""A server for tests that answers as TF Serving does, where its image cannot be run.

python tests/serving/server.py --model_dir=EXPORT/deeplab --name=deeplab

It serves gRPC and REST on 127.0.0.1 and prints one line {"grpc": PORT, "rest": PORT} when it is
ready. It needs tensorflow and tensorflow-serving-api, never deeplab_tf, and ends with the process
that started it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", required=True, help="folder with a folder per version")
    parser.add_argument("--name", default="deeplab")
    parser.add_argument("--grpc_port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--rest_port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--all_versions", action="store_true", help="not the highest alone")
    options = parser.parse_args()
    parent = os.getppid()

    from tests.serving import grpc_service, rest_service
    from tests.serving.servables import Servables

    servables = Servables(options.model_dir, options.name, options.all_versions)
    server, grpc_port = grpc_service.start(servables, options.grpc_port)
    _, rest_port = rest_service.start(servables, options.rest_port)
    print(json.dumps({"grpc": grpc_port, "rest": rest_port}), flush=True)
    while os.getppid() == parent:
        time.sleep(0.5)
    server.stop(None)


if __name__ == "__main__":
    sys.modules["deeplab_tf"] = None  # what is served has to stand alone
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
