"""An encrypted port in front of a server's plain one, for clients of gRPC and REST alike."""

import contextlib
import socket
import ssl
import threading

# Made for these tests: `localhost` signs for itself, from 2020 to 2120.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBYTCCAQegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIysMBgGvppOA2He
MMrBCif6m0TQCLT/CbCHcePHMRVso2Fbn3i/U5qaAmS9ytwTYK2Gr0RG0W0RgNt1
jojensCjSDBGMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/
MB0GA1UdDgQWBBTV2UfyqoAGgI9L3zIjm6ffpRjkcjAKBggqhkjOPQQDAgNIADBF
AiAGd14Wgyyj5gBzgLijABjgeieReb+8zy+3GCELjU5SnQIhAIlxi+LQxfQ7CVvw
qdywUw9NtLalhLZWsIzhjc1rO25h
-----END CERTIFICATE-----
"""
_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSwC/h8aH2Vuy/njo
8e1rTfIhF650NwXTHGBn55iCiX2hRANCAASMrDAYBr6aTgNh3jDKwQon+ptE0Ai0
/wmwh3HjxzEVbKNhW594v1OamgJkvcrcE2Cthq9ERtFtEYDbdY6I3p7A
-----END PRIVATE KEY-----
"""


@contextlib.contextmanager
def encrypted_port(port, folder):
    """Passes what arrives at a port of its own on to `port` of this machine.

    Args:
        port: of a server on 127.0.0.1.
        folder: for the certificate, `certificate.pem`, which clients have to trust.

    Yields:
        The port.
    """
    (folder / "certificate.pem").write_text(CERTIFICATE)
    (folder / "both.pem").write_text(CERTIFICATE + _KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_server(("127.0.0.1", 0)) as callback:
        threading.Thread(target=_accept, args=(callback, context, port), daemon=True).start()
        yield callback.getsockname()[1]


def _accept(callback, context, port):
    while True:
        try:
            plain, _ = callback.accept()
        except OSError:  # closed
            return
        threading.Thread(target=_serve, args=(plain, context, port), daemon=True).start()


def _serve(plain, context, port):
    try:
        outside = context.wrap_socket(plain, server_side=True)
    except OSError:  # a client that does not trust the certificate, or speaks in the clear
        plain.close()
        return
    inside = socket.create_connection(("127.0.0.1", port))
    back = threading.Thread(target=_pass_on, args=(inside, outside), daemon=True)
    back.start()
    _pass_on(outside, inside)
    back.join()
    outside.close()
    inside.close()


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
