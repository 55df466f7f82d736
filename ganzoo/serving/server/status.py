"""What can go wrong with a request, by gRPC's names of the codes, which TensorFlow Serving maps to HTTP's like this.

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
    "NOT_FOUND": 404,
    "TOO_LARGE": 413,  # HTTP's alone: gRPC refuses a message that is too large before we see it
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
INTERNAL = 500  # and whatever is not above

LONGEST = 1000  # characters of a message: gRPC sends it in a header

# What TensorFlow puts around the sentence that says what is wrong.
_AROUND = re.compile(
    r"Graph execution error:|Detected at node .*|<stack traces unavailable>|\[\[\{\{node .*?\}\}\]\]|\[Op:[^\]]*\]"
)


class ServingError(Exception):
    """A request that is answered with an error.

    Attributes:
      code: one of `HTTP`, or another of gRPC's.
      message: one line.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        line = " ".join(message.split())
        self.message = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"

    @property
    def http(self) -> int:
        return HTTP.get(self.code, INTERNAL)

    def let_go(self) -> None:
        """Forgets where it was raised.

        The frames hold the request and its arrays, which hold the error: they would stay, however large, until the
        cyclic garbage collector comes.
        """
        self.__traceback__ = self.__context__ = None


def invalid(message: str) -> ServingError:
    """A request that is wrong in itself."""
    return ServingError("INVALID_ARGUMENT", message)


def of_tensorflow(error: tf.errors.OpError) -> ServingError:
    """What an operation has raised, without TensorFlow's frame around it."""
    return ServingError(error_codes_pb2.Code.Name(error.error_code), _AROUND.sub("", error.message))
