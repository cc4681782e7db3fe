import sys

import pytest

from deeplab_tf import serving
from deeplab_tf.serving import GrpcClient, RestClient

BOTH = pytest.mark.parametrize("client", [GrpcClient, RestClient])


@BOTH
@pytest.mark.parametrize(
    "server",
    ["", "http://localhost:8500", "https://a:1", "a b:1", "a:1\n", "a", "a:b", "a:65536", "a:0",
     "a/b:1"],
)  # fmt: skip
def test_server_of_another_form(client, server):
    with pytest.raises(ValueError, match=r"server must be HOST:PORT.*Received: server="):
        client(server)


@pytest.mark.parametrize("server", ["[x]:1", "[::1:80", "\u00e4..b:1"])
def test_rest_host_that_is_none(server):
    with pytest.raises(ValueError, match=r"server must be HOST:PORT \(Invalid.*Received: server="):
        RestClient(server)


@BOTH
@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), 1e300])
def test_deadline_out_of_range(client, deadline):
    with pytest.raises(ValueError, match=r"deadline must be above 0.*Received: deadline="):
        client("localhost:9", deadline=deadline)


def test_unknown_form():
    with pytest.raises(ValueError, match="form must be one of"):
        RestClient("localhost:9", form="columns")


@pytest.mark.parametrize("package", ["tenacity", "httpx", "grpc"])
def test_missing_package(package, monkeypatch):
    client = GrpcClient if package == "grpc" else RestClient
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'deeplab_tf\[serving\]'"):
        client("localhost:9")


def test_a_name_that_is_none():
    with pytest.raises(AttributeError, match=r"'deeplab_tf\.serving' has no attribute 'Client'"):
        _ = serving.Client
