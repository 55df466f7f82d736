"""What can be set of a server; the defaults fit a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MOST_ROWS = 1024  # of one call: `ganzoo.exports.bounds.MOST_ROWS`, without TensorFlow


@dataclass(frozen=True)
class Settings:
    """How a server works.

    Attributes:
      models: the directory with NAME/VERSION/ inside.
      host: that it listens at; the loopback unless asked otherwise, as there are no passwords and no TLS.
      rest_port, grpc_port: 0 takes any that is free.
      keep_versions: of each model so many are served, the highest numbers.
      poll_seconds: between two looks at the directory.
      batch_rows: of several requests run together at most, `MOST_ROWS` or fewer; a larger request runs alone.
      batch_wait_ms: that a request waits for company while a call is running, in milliseconds.
      calls: that run at a time.
      queue_requests, queue_rows: that wait at most; the next request is refused.
      open_requests, open_bytes: that are under way at most, from their first byte to their answer. A gRPC call takes
        one of the places as soon as it begins, and keeps it until its connection ends if its message never comes whole.
      request_seconds: until a request's answer has to be there; of a gRPC call, from when its message is there.
      request_bytes: of a request's body or message.
      drain_seconds: that requests under way have when the server ends.
    """

    models: Path
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    keep_versions: int = 1
    poll_seconds: float = 2.0
    batch_rows: int = 128  # on 2 cores 20% more images/s than 64, where requests have 16
    batch_wait_ms: float = 2.0
    calls: int = 2
    queue_requests: int = 256
    queue_rows: int = 8192
    open_requests: int = 1024
    open_bytes: int = 512 * 2**20
    request_seconds: float = 30.0
    request_bytes: int = 32 * 2**20
    drain_seconds: float = 30.0
