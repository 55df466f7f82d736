"""By which of TensorFlow Serving's two APIs a model is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.serving.client.metadata import Metadata, Signature


class Transport(Protocol):
    """What `RestTransport` and `GrpcTransport` have in common."""

    prefers_files: bool

    def metadata(self, version: int | None, seconds: float) -> Metadata: ...

    def predict(
        self, signature: Signature, inputs: Mapping[str, np.ndarray], version: int | None, seconds: float
    ) -> Mapping[str, np.ndarray]: ...

    def close(self) -> None: ...


def transport(address: str, model: str) -> Transport:
    """What asks an address for a model.

    Raises:
      UsageError: an address of another form, or a package is missing.
    """
    wanted = UsageError(f"address: {address!r} given, http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT wanted")
    try:
        parts = urlsplit(address)
        port = parts.port
    except (ValueError, AttributeError, TypeError):
        raise wanted from None
    if parts.scheme not in ("http", "https", "grpc") or not parts.hostname or parts.query or parts.fragment:
        raise wanted
    if parts.scheme == "grpc":
        if port is None or parts.path.strip("/"):
            raise wanted
        from ganzoo.serving.client.grpc_api import GrpcTransport

        return GrpcTransport(address, model)
    from ganzoo.serving.client.rest import RestTransport

    return RestTransport(address, model)
