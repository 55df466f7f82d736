"""Settings of a server; the defaults suit a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MOST_ROWS = 1024  # per call: `ganzoo.exports.bounds.MOST_ROWS`, without TensorFlow


@dataclass(frozen=True)
class Settings:
    """Settings of a server.

    Attributes:
      models: Directory with NAME/VERSION/ inside.
      host: Address to listen on; by default loopback, as there are no passwords and no TLS.
      rest_port, grpc_port: Ports; 0 takes any free one.
      keep_versions: Number of served versions of each model, the highest numbers.
      poll_seconds: Time between two scans of the directory.
      batch_rows: Largest batch of several requests in rows, at most `MOST_ROWS`; a larger request runs alone.
      batch_wait_ms: Batch window in milliseconds: longest wait of a request for others while a call is running.
      calls: Number of concurrent calls of TensorFlow.
      queue_requests, queue_rows: Largest queue in requests and in rows; the next request is refused.
      open_connections: Largest number of connections of each API, as far as the limit of open files allows; the oldest
        one that waits for its client makes room for a new one (REST).
      header_seconds: Time limit of the header of a request, or of a gRPC connection without a request.
      open_requests, open_bytes: Largest number and size of requests in flight, from their first byte to their answer.
        A gRPC call counts from its start; its message must arrive within three times `request_seconds`.
      request_seconds: Time limit of a request, and again for a client to read the answer; for a gRPC call, from the
        arrival of its message. After this time, a gRPC connection ends with the calls that it has.
      request_bytes: Largest body or message of a request.
      drain_seconds: Time for requests in flight when the server stops.
    """

    models: Path
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    keep_versions: int = 1
    poll_seconds: float = 2.0
    batch_rows: int = 128  # 20% more throughput than 64, on 2 cores with requests of 16 rows
    batch_wait_ms: float = 2.0
    calls: int = 2
    queue_requests: int = 256
    queue_rows: int = 8192
    open_connections: int = 2048
    header_seconds: float = 10.0
    open_requests: int = 1024
    open_bytes: int = 512 * 2**20
    request_seconds: float = 30.0
    request_bytes: int = 32 * 2**20
    drain_seconds: float = 30.0
