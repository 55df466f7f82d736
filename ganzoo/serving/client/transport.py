"""Choice between the two APIs of TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.serving.client.metadata import Metadata, Signature

GRPC, REST = "grpc", "rest"


class Transport(Protocol):
    """Common part of `RestTransport` and `GrpcTransport`."""

    prefers_files: bool

    def metadata(self, version: int | None, seconds: float) -> Metadata: ...

    def predict(
        self, signature: Signature, inputs: Mapping[str, np.ndarray], version: int | None, seconds: float
    ) -> Mapping[str, np.ndarray]: ...

    def encode(self, signature: Signature, inputs: Mapping[str, np.ndarray]) -> bytes: ...

    def decode(self, content: bytes, signature: Signature) -> Mapping[str, np.ndarray]: ...

    def close(self) -> None: ...


def transport(address: str, model: str) -> Transport:
    """Return the transport of requests to an address, for one model.

    Raises:
      UsageError: As `api_of`, or a missing package.
    """
    if api_of(address) == GRPC:
        from ganzoo.serving.client.grpc_api import GrpcTransport

        return GrpcTransport(address, model)
    from ganzoo.serving.client.rest import RestTransport

    return RestTransport(address, model)


def api_of(address: str) -> str:
    """Return the API of an address, `grpc` or `rest`.

    Raises:
      UsageError: The address is invalid.
    """
    form = "http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT"
    wrong = UsageError(f"address: expected {form}, got {address!r}")
    try:
        parts = urlsplit(address)
        port = parts.port
    except (ValueError, AttributeError, TypeError):
        raise wrong from None
    if parts.scheme not in ("http", "https", "grpc") or not parts.hostname or parts.query or parts.fragment:
        raise wrong
    if parts.scheme != "grpc":
        return REST
    if port is None or parts.path.strip("/"):
        raise wrong
    return GRPC
