"""A model on a server as if it were here: `generate` and `translate` of TensorFlow Serving or `ganzoo serve`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from ganzoo import images
from ganzoo.errors import DataError, ServerError, UsageError
from ganzoo.models import inputs as given_images
from ganzoo.models import rows
from ganzoo.models.tiling import tiled
from ganzoo.serving.client.metadata import Metadata, Signature
from ganzoo.serving.client.retries import AbsentError, Answer, AttemptError, Call
from ganzoo.serving.client.transport import transport

TIMEOUT = 120.0  # seconds
RETRIES = 5  # of which the last comes about eight seconds after the first
READY_SECONDS = 5.0
VERSIONS = 3  # of a model that one call begins with, where each goes before the call is done

# Of one request: the server's own bounds are 1024 rows and 2**22 pixels, and it may hold many requests at once.
MOST_ROWS = 256
MOST_PIXELS = 2**20

_TRANSLATE = "translate_to_"
_FILES = "_bytes"
# What the graph answers to a label that is none (see `bounds.of_draws`): nothing else that a server says tells it.
_CLASSES = re.compile(r"labels: integers from 0 to (\d+) wanted")


class Client:
    """One model on a server that speaks TensorFlow Serving's API.

    Args:
      address: `http://HOST:PORT`, `https://…`, or `grpc://HOST:PORT`, which takes the extra `serving`.
      model: the name that the server knows it by.
      version: of the model; by default the server's choice, which is its newest. A call that is cut into several
        requests asks which that is, sends them all to it, and begins again, twice at most, if it goes meanwhile.
      timeout: seconds that one call may take, with all the requests that it is cut into and their retries.
      retries: of each request: after a lost connection, or where the server is too busy or not there yet (429, 503,
        RESOURCE_EXHAUSTED, UNAVAILABLE). The waits grow from a quarter of a second, and are as long as the server asks.
      note: told, once a call, that a request is tried again.

    Raises:
      UsageError: an address of another form; a version, timeout or retries out of range; a package is missing.

    What the model takes is asked for once and remembered. Used with `with`, or closed by `close`; then it takes no more
    calls.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        _check(model, version, timeout, retries)
        self.address, self.name, self.version = address, model, version
        self._timeout, self._retries, self._note = timeout, retries, note
        self._transport = transport(address, model)
        self._closed = False
        self._known: Metadata | None = None
        self._known_classes: int | None = None

    def generate(
        self,
        n: int | None = None,
        labels: Any = None,
        seed: int | None = None,
        truncation: float = 1.0,
        positions: Any = None,
    ) -> np.ndarray:
        """Draws examples: the very ones that the model's own `generate` draws; number i depends on (seed, i).

        Args:
          n: how many; by default as many as there are labels or positions, else one a class, else 16.
          labels: one int or ints `[n]` in [0, classes); by default they cycle through the classes by position.
          seed: integer in [0, 2**31); by default a new one each time.
          truncation: in (0, 1]: shrinks the latents towards the prior's mean; less varied, more typical examples.
          positions: ints `[n]`: which examples of the seed's endless sequence are wanted; by default 0 … n-1.

        Returns:
          uint8 `[n, H, W, C]`, or float32 `[n, columns]` for points, of which TensorFlow Serving's REST API gives six
          digits.

        Raises:
          UsageError: n < 1; a label, seed, truncation or position out of range; labels for an unconditional model; a
            model that does not draw; the client is closed.
          ServerError: there is no server or no such model, it refuses or fails, or the time is over.
        """
        try:
            return self._by_one_version(lambda call: self._drawn(call, n, labels, seed, truncation, positions))
        except ServerError as refusal:
            found = _CLASSES.search(str(refusal))
            if found and labels is not None:  # a server may also refuse the labels of others, which it ran along
                rows.check_labels(self.name, int(found.group(1)) + 1, labels, np.size(labels))
            raise

    def translate(
        self,
        images: Any,
        to: str | None = None,
        *,
        longest: int | None = None,
        strength: float = 1.0,
        tile: int | None = None,
    ) -> Any:
        """Images of the one domain as images of the other.

        Args:
          images: an image or several, as the model's own `translate` takes them, of any size from 8x8 to what the
            server allows.
          to: the domain that is wanted; by default the first that the model can make.
          longest: shrink each image first so that its longer side has this many pixels; None keeps the size.
          strength: in [0, 1]: 0 gives the image as it was, 1 its translation, and between them their linear blend.
          tile: translate squares of that side, which overlap and are blended, for images that the server finds too
            large. Each is normalised by itself, so large tiles look better.

        Returns:
          uint8, as the model's own `translate` gives it.

        Raises:
          DataError: a file that is missing, broken or no image.
          UsageError: an unknown domain; images of another kind, type, shape or range; `longest`, `strength` or `tile`
            out of range; a model that does not translate; the client is closed.
          ServerError: as `generate`.
        """
        return self._by_one_version(lambda call: self._translated(call, images, to, longest, strength, tile))

    def translate_bytes(self, files: Sequence[bytes], to: str | None = None) -> list[bytes]:
        """Image files, which the server decodes: PNG or JPEG, each of any size, without their EXIF orientation.

        Args:
          files: the content of each.
          to: as `translate`, but it cannot be left out where the model makes several.

        Returns:
          The content of a PNG file for each.

        Raises:
          UsageError: no such files; otherwise as `translate`.
          ServerError: as `generate`.
        """
        if not files or not all(isinstance(file, bytes) for file in files):
            raise UsageError("files: a list of the bytes of PNG or JPEG files wanted")

        def work(call: Call) -> list[bytes]:
            if to is None and len(self._domains(call)) > 1:
                raise UsageError(f"to: wanted, one of {', '.join(self._domains(call))}")
            signature = self._signature(f"{self._translation(to, call).name}{_FILES}", call)
            return list(self._in_parts(signature, {"image_bytes": _objects(files)}, 1, call))

        return self._by_one_version(work)

    def metadata(self) -> Metadata:
        """What the server says of the model now.

        Raises:
          UsageError: the client is closed.
          ServerError: as `generate`.
        """
        self._known_classes = None
        return self._newest(self._call())

    def ready(self) -> bool:
        """Whether the model can be asked; it is not tried again, and waits five seconds at most.

        Raises:
          UsageError: the client is closed.
          ServerError: the server refuses to say, or is none.
        """
        self._check_open()
        try:
            self._transport.metadata(self.version, min(self._timeout, READY_SECONDS))
        except TimeoutError:
            return False
        except AttemptError as failure:
            if failure.passing or failure.absent:
                return False
            raise ServerError(failure.message) from None
        return True

    def signature(self, name: str) -> Signature:
        """What a signature takes and gives.

        Raises:
          UsageError: the model does not have it; the message names those that it has. Or the client is closed.
          ServerError: as `generate`.
        """
        return self._signature(name, self._call())

    @property
    def classes(self) -> int:
        """Number of labels; 0 for a model that is not conditional, or does not draw."""
        call = self._call()
        drawing = self._metadata(call).signatures.get("generate")
        return self._classes(call) if drawing is not None and "labels" in drawing.inputs else 0

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that the model translates to, sorted; none for another model."""
        return self._domains(self._call())

    def close(self) -> None:
        """Ends the connections to the server."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"{self.name}: the client of {self.address} is closed")

    def _call(self) -> Call:
        self._check_open()
        return Call(self.address, self.version, self._timeout, self._retries, self._note)

    def _by_one_version(self, work: Callable[[Call], Answer]) -> Answer:
        """What a call gives; it begins again with the newest version if that which `_pin` chose goes meanwhile."""
        call = self._call()
        for _ in range(VERSIONS - 1):
            try:
                return work(call)
            except AbsentError:
                if call.version == self.version:
                    raise
                call.version = self._newest(call).version
        return work(call)

    def _pin(self, call: Call) -> None:
        """Has all further requests of a call answered by one version."""
        if call.version is None:
            call.version = self._newest(call).version

    def _newest(self, call: Call) -> Metadata:
        """What the server says of the model now."""
        newest = call.ask(lambda seconds: self._transport.metadata(self.version, seconds))
        if newest != self._known:
            self._known, self._known_classes = newest, None
        return newest

    def _metadata(self, call: Call) -> Metadata:
        return self._known or self._newest(call)

    def _signature(self, name: str, call: Call) -> Signature:
        known = self._metadata(call).signatures
        if name not in known:
            raise UsageError(f"{self.name}: has no signature '{name}' (it has: {', '.join(known) or 'none'})")
        return known[name]

    def _domains(self, call: Call) -> tuple[str, ...]:
        names = [name for name, known in self._metadata(call).signatures.items() if "images" in known.inputs]
        return tuple(name.removeprefix(_TRANSLATE) for name in names if name.startswith(_TRANSLATE))

    def _translation(self, to: str | None, call: Call) -> Signature:
        """That to a domain; `serving_default` where none is given and several are there: it is that to the first."""
        domains = self._domains(call)
        if not domains:
            return self._signature(f"{_TRANSLATE}{to or 'DOMAIN'}", call)
        if to is None:
            return self._signature("serving_default" if len(domains) > 1 else f"{_TRANSLATE}{domains[0]}", call)
        if to not in domains:
            raise UsageError(f"to: {self.name} cannot make '{to}' (it makes: {', '.join(domains)})")
        return self._signature(f"{_TRANSLATE}{to}", call)

    def _drawn(
        self, call: Call, n: int | None, labels: Any, seed: int | None, truncation: float, positions: Any
    ) -> np.ndarray:
        signature = self._signature("generate", call)
        classes: int | None = 0
        if "labels" in signature.inputs:  # given ones are the server's to check: that saves a request
            classes = self._classes(call) if labels is None else None
        inputs = rows.drawing(self.name, classes, n, labels, seed, truncation, positions)
        if "images" not in signature.outputs:
            return self._in_parts(signature, inputs, MOST_ROWS, call)
        height, width, channels = self._image_shape(signature)
        if self._transport.prefers_files and "generate_png" in self._metadata(call).signatures:
            signature = self._signature("generate_png", call)
        made = self._in_parts(signature, inputs, _rows_a_request(height * width), call)
        return self._pictures(made, channels)

    def _translated(
        self, call: Call, pictures: Any, to: str | None, longest: Any, strength: Any, tile: int | None
    ) -> Any:
        signature = self._translation(to, call)
        longest = given_images.check_longest(longest, self._made_for)
        strength = given_images.check_strength(strength)
        given = given_images.read(pictures, self._image_shape(signature)[2], longest)
        several_sizes = isinstance(given.images, list)

        def translated(batch: np.ndarray) -> np.ndarray:
            if several_sizes or (tile is not None and (len(batch) > 1 or max(batch.shape[1:3]) > tile)):
                self._pin(call)
            if tile is None:
                return self._as_they_are(batch, signature, call)
            return np.stack(
                [tiled(lambda x: self._as_they_are(x[np.newaxis], signature, call)[0], image, tile) for image in batch]
            )

        return given.mapped(translated, strength)

    def _made_for(self) -> int:
        raise UsageError("longest: expected a number, got 'auto': a server does not say what size a model was made for")

    def _as_they_are(self, batch: np.ndarray, signature: Signature, call: Call) -> np.ndarray:
        """Translations of whole images of one size."""
        inputs = {"images": batch}
        if self._transport.prefers_files and f"{signature.name}{_FILES}" in self._metadata(call).signatures:
            signature = self._signature(f"{signature.name}{_FILES}", call)
            inputs = {"image_bytes": _objects([images.encode_png(image) for image in batch])}
        made = self._in_parts(signature, inputs, _rows_a_request(math.prod(batch.shape[1:3])), call)
        result = self._pictures(made, batch.shape[3])
        if result.shape != batch.shape:
            raise ServerError(f"{self.address}: {self.name}: {list(batch.shape)} became {list(result.shape)}")
        return result

    def _classes(self, call: Call) -> int:
        """How many labels there are: the server is given a wrong one, and its refusal names the right ones.

        Not by `generate`: a server that batches would refuse the requests of others along with it.
        """
        if self._known_classes is None:
            signature = self._signature("decode", call)
            size = signature.inputs["latents"].shape[1]
            inputs = {"latents": np.zeros([1, size or 1], np.float32), "labels": np.array([-1], np.int32)}
            try:
                self._predict(signature, inputs, call)
            except ServerError as refusal:
                found = _CLASSES.search(str(refusal))
                if found is None:
                    raise ServerError(f"{refusal} (asked how many labels there are: give them)") from None
                self._known_classes = int(found.group(1)) + 1
            else:
                raise ServerError(f"{self.address}: {self.name}: does not say how many labels there are (give them)")
        return self._known_classes

    def _predict(self, signature: Signature, inputs: Mapping[str, np.ndarray], call: Call) -> Mapping[str, np.ndarray]:
        return call.ask(lambda seconds: self._transport.predict(signature, inputs, call.version, seconds))

    def _in_parts(
        self, signature: Signature, inputs: Mapping[str, np.ndarray], rows_a_request: int, call: Call
    ) -> np.ndarray:
        """The one output of a signature for all rows, in as many requests as it takes."""
        if set(inputs) != set(signature.inputs) or len(signature.outputs) != 1:
            raise UsageError(
                f"{self.name}: its '{signature.name}' takes {', '.join(signature.inputs)} and gives "
                f"{', '.join(signature.outputs)}: not a model that ganzoo exported"
            )
        (output,) = signature.outputs
        parts = []
        total = len(next(iter(inputs.values())))
        if total > rows_a_request:
            self._pin(call)
        for start in range(0, total, rows_a_request):
            part = {name: values[start : start + rows_a_request] for name, values in inputs.items()}
            made = self._predict(signature, part, call)[output]
            wanted = min(rows_a_request, total - start)
            if len(made) != wanted:
                raise ServerError(f"{self.address}: {self.name}: {wanted} rows asked for, {len(made)} came")
            parts.append(made)
        return self._joined(np.concatenate, parts)

    def _image_shape(self, signature: Signature) -> tuple[int, int, int]:
        """Height and width (0 where they are free) and channels of its images."""
        shape = (signature.inputs.get("images") or signature.outputs["images"]).shape
        if len(shape) != 4 or shape[3] not in (1, 3):
            raise UsageError(f"{self.name}: its '{signature.name}' has images {list(shape)}, [n, H, W, 1 or 3] wanted")
        return shape[1] or 0, shape[2] or 0, shape[3]

    def _pictures(self, made: np.ndarray, channels: int) -> np.ndarray:
        """uint8 `[n, H, W, C]` of images or of PNG files."""
        if made.dtype != object:
            return made
        try:
            decoded = [images.decode(file, "what came", channels=channels) for file in made]
        except DataError as error:
            raise ServerError(f"{self.address}: {self.name}: PNG files wanted, {error}") from None
        return self._joined(np.stack, decoded)

    def _joined(self, join: Any, parts: Sequence[np.ndarray]) -> np.ndarray:
        try:
            return join(parts)
        except ValueError:
            raise ServerError(f"{self.address}: {self.name}: rows of several shapes came") from None


def _check(model: Any, version: Any, timeout: Any, retries: Any) -> None:
    if not isinstance(model, str) or not model:
        raise UsageError(f"model: {model!r} given, a name wanted")
    if version is not None and not _is_whole(version, 1):
        raise UsageError(f"version: {version!r} given, an integer of 1 or more wanted")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0.0 < timeout < math.inf:
        raise UsageError(f"timeout: {timeout!r} given, seconds above 0 wanted")
    if not _is_whole(retries, 0):
        raise UsageError(f"retries: {retries!r} given, an integer of 0 or more wanted")


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _rows_a_request(pixels: int) -> int:
    return max(1, min(MOST_ROWS, MOST_PIXELS // max(1, pixels)))


def _objects(files: Sequence[bytes]) -> np.ndarray:
    """Bytes as an array that keeps the zeros at their ends."""
    array = np.empty(len(files), object)
    array[:] = files
    return array
