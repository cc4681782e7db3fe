import pytest

from deeplab_tf.serving import GrpcClient, RestClient

BOTH = pytest.mark.parametrize("client", [GrpcClient, RestClient])


@BOTH
@pytest.mark.parametrize("server", ["", "http://localhost:8500", "https://a:1", "a b:1", "a:1\n"])
def test_another_form_of_server(client, server):
    with pytest.raises(ValueError, match=r"server must be HOST:PORT.*Received: server="):
        client(server)


@BOTH
@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), 1e300])
def test_no_deadline(client, deadline):
    with pytest.raises(ValueError, match=r"deadline must be above 0.*Received: deadline="):
        client("localhost:9", deadline=deadline)
