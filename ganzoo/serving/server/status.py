"""Errors of requests: codes of gRPC, and their HTTP status in TensorFlow Serving.

Source: `ToHTTPStatusCode` in tensorflow_serving/model_servers/http_server.cc.
"""

from __future__ import annotations

import re

import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2

HTTP = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "TOO_LARGE": 413,  # HTTP only: gRPC itself refuses messages that are too large
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
INTERNAL = 500  # and all other codes

LONGEST = 1000  # characters of a message, which gRPC sends in a header

# Text that TensorFlow adds around an error message.
_AROUND = re.compile(
    r"Graph execution error:|Detected at node .*|<stack traces unavailable>|\[\[\{\{node .*?\}\}\]\]|\[Op:[^\]]*\]"
)


class ServingError(Exception):
    """Error that answers a request.

    Attributes:
      code: Code of `HTTP`, or another gRPC code.
      message: One-line message.
    """

    def __init__(self, code: str, message: str) -> None:
        line = " ".join(message.split())
        self.message = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
        super().__init__(self.message)
        self.code = code

    @property
    def http(self) -> int:
        return HTTP.get(self.code, INTERNAL)

    def let_go(self) -> None:
        """Drop the traceback.

        Its frames hold the request and its arrays, which hold the error: they would stay in memory until the cyclic
        garbage collector runs.
        """
        self.__traceback__ = self.__context__ = None


def invalid(message: str) -> ServingError:
    """Return the error for an invalid request."""
    return ServingError("INVALID_ARGUMENT", message)


def of_tensorflow(error: tf.errors.OpError) -> ServingError:
    """Convert an error of an operation, without the text around its message."""
    return ServingError(error_codes_pb2.Code.Name(error.error_code), _AROUND.sub("", error.message))
