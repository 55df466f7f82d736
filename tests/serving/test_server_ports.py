"""The ports of a server are taken before its models are loaded, and answer nobody until they are."""

import socket

import pytest

from ganzoo.errors import UsageError
from ganzoo.serving.server.ports import address_of, listen, taken


def test_a_port_is_taken_without_letting_anybody_in():
    with taken("127.0.0.1", 0, 0) as ports:
        host, port = address_of(ports.rest).split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, port))
        listen(ports.rest, "rest_port")
        socket.create_connection((host, port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port))


def test_two_that_start_at_once():
    """Both have the port until the first of them listens."""
    with taken("127.0.0.1", 0, 0) as first:
        port = first.rest.getsockname()[1]
        with taken("127.0.0.1", port, 0) as second:
            listen(first.rest, "rest_port")
            with pytest.raises(UsageError) as caught:
                listen(second.rest, "rest_port")
    line = f"rest_port: 127.0.0.1:{port} cannot be used: Address already in use (give another port, or 0)"
    assert str(caught.value) == line


def ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6")
def test_ipv6():
    with taken("::1", 0, 0) as ports:
        assert address_of(ports.grpc) == f"[::1]:{ports.grpc.getsockname()[1]}"
