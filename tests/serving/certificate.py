"""A certificate for encrypted ports of tests: `localhost` signs for itself, from 2020 to 2120."""

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


def write_certificate(folder):
    """Returns PEM files: for the server, with the key, and for clients that trust it."""
    paths = folder / "server.pem", folder / "trusted.pem"
    paths[0].write_text(CERTIFICATE + _KEY)
    paths[1].write_text(CERTIFICATE)
    return paths
