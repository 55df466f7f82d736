"""Client of a model on TensorFlow Serving or `ganzoo serve`, with the methods `generate` and `translate`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from ganzoo.core import images
from ganzoo.core.images import png
from ganzoo.errors import DataError, ServerError, UsageError
from ganzoo.models import inputs as given_images
from ganzoo.models import rows
from ganzoo.models.tiling import tiled
from ganzoo.serving.client.connection import Connection
from ganzoo.serving.client.metadata import Signature
from ganzoo.serving.client.retries import Call

# Per request; the graph allows 1024 rows and 2**22 pixels, but a server holds many requests at once.
MOST_ROWS = 256
MOST_PIXELS = 2**20

# Of one example, whatever a server says: the graph's pixels; columns of latents, a point, a row or a sequence.
MOST_PIXELS_DRAWN = 2**22
MOST_COLUMNS = 2**16

_TRANSLATE = "translate_to_"
_DOMAIN = re.compile(r"[\w-]+")  # becomes part of a path
_FILES = "_bytes"
# Error of the graph for a wrong label (see `bounds.of_draws`); exports of ganzoo 0.1 say "integers from 0 to 9 wanted".
# A server reports the number of classes nowhere else; more than a million are none that a model has.
_CLASSES = re.compile(r"labels: (?:expected )?integers from 0 to (\d{1,6})\b")


class Client(Connection):
    """Client of one model on a server with TensorFlow Serving's API.

    Args:
      address: `http://HOST:PORT`, `https://…`, or `grpc://HOST:PORT`, which needs the extra `serving`.
      model: Name of the model on the server.
      version: Version of the model; by default the server's choice, which is the newest. A call that is split into
        several requests sends all of them to one version, and starts again, at most twice, if it is unloaded.
      timeout: Time limit of a call in seconds, with all of its requests and their retries.
      retries: Largest number of retries of a request: after a lost connection, or if the server is too busy or not
        ready (429, 503, RESOURCE_EXHAUSTED, UNAVAILABLE). Delays grow from 0.25 s; the server may set
        them.
      note: Function that receives a message at the first retry of a call.

    Raises:
      UsageError: Invalid address; version, timeout or retries out of range; missing package.

    The metadata of the model are requested once and kept. Use the client in a `with` block, or close it with `close`;
    a closed client takes no more calls.
    """

    def generate(
        self,
        n: int | None = None,
        labels: Any = None,
        seed: int | None = None,
        truncation: float = 1.0,
        positions: Any = None,
    ) -> np.ndarray:
        """Draw samples, with the arguments and results of the model's own `generate`.

        Labels are numbers: a server does not report class names.

        Returns:
          uint8 `[n, H, W, C]`, or float32 `[n, columns]` for points, which TensorFlow Serving's REST API rounds to six
          digits.

        Raises:
          UsageError: n < 1; a label, seed, truncation or position out of range; labels for an unconditional model; a
            model that does not draw; a closed client.
          ServerError: No server or no such model; an error of the server; the time limit.
        """
        try:
            return self._by_one_version(lambda call: self._drawn(call, n, labels, seed, truncation, positions))
        except ServerError as refusal:
            found = _CLASSES.search(str(refusal))
            if found and labels is not None:  # the error may be about another request in the batch
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
        """Translate images to another domain.

        Args:
          images: One image or several, as for the model's own `translate`, from 8x8 pixels to the server's limit.
          to: Target domain; by default the first one of the model.
          longest: Length in pixels to shrink the longer side of each image to first; None keeps the size.
          strength: Blend of the translation with the image, in [0, 1]: 0 is the image, 1 the translation.
          tile: Side of overlapping squares to translate one by one and blend, for images above the limit. Each is
            normalised separately, so large tiles look better.

        Returns:
          uint8, like the model's own `translate`.

        Raises:
          DataError: A missing or broken file, or one that is not an image.
          UsageError: An unknown domain; images of another kind, dtype, shape or range; `longest`, `strength` or `tile`
            out of range; a model that does not translate; a closed client.
          ServerError: As `generate`.
        """
        return self._by_one_version(lambda call: self._translated(call, images, to, longest, strength, tile))

    def translate_bytes(self, files: Sequence[bytes], to: str | None = None) -> list[bytes]:
        """Translate PNG or JPEG files of any size, which the server decodes; EXIF orientation is ignored.

        Args:
          files: Content of each file.
          to: Target domain; required if the model has several.

        Returns:
          Content of a PNG file for each file.

        Raises:
          UsageError: No files, or not bytes; otherwise as `translate`.
          ServerError: As `generate`.
        """
        if not files or not all(isinstance(file, bytes) for file in files):
            raise UsageError("files: expected a list of the bytes of PNG or JPEG files")

        def work(call: Call) -> list[bytes]:
            if to is None and len(self._domains(call)) > 1:
                raise UsageError(f"to: expected one of {', '.join(self._domains(call))}, got none")
            signature = self._signature(f"{self._translation(to, call).name}{_FILES}", call)
            return list(self._in_parts(signature, {"image_bytes": _objects(files)}, 1, call))

        return self._by_one_version(work)

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a model that is unconditional or does not draw."""
        call = self._call()
        drawing = self._metadata(call).signatures.get("generate")
        return self._classes(call) if drawing is not None and "labels" in drawing.inputs else 0

    @property
    def domains(self) -> tuple[str, ...]:
        """Target domains of the model, sorted; empty for a model that does not translate."""
        return self._domains(self._call())

    def example(self) -> tuple[str, tuple[int, ...]]:
        """Return what `generate` draws: `images`, `points`, `rows` or `sequences`, and the shape of one example.

        Raises:
          UsageError: A model that does not draw; a closed client.
          ServerError: As `generate`.
        """
        return self._example(self._signature("generate", self._call()))

    def channels(self, to: str) -> int:
        """Return the number of channels of the images for a domain: 1 or 3.

        Raises:
          UsageError, ServerError: As `translate`.
        """
        call = self._call()
        return self._image_shape(self._translation(to, call))[2]

    def _domains(self, call: Call) -> tuple[str, ...]:
        names = [name for name, known in self._metadata(call).signatures.items() if "images" in known.inputs]
        found = (name.removeprefix(_TRANSLATE) for name in names if name.startswith(_TRANSLATE))
        return tuple(name for name in found if _DOMAIN.fullmatch(name))

    def _translation(self, to: str | None, call: Call) -> Signature:
        """Return the signature of a domain; without one, that of the only domain or `serving_default`, the first."""
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
        if "labels" in signature.inputs:  # the server checks given labels, which saves a request
            classes = self._classes(call) if labels is None else None
        class_names = None if "labels" in signature.inputs else ()
        inputs = rows.drawing(self.name, classes, n, labels, seed, truncation, positions, class_names)
        output, shape = self._example(signature)
        if output != "images":
            return self._in_parts(signature, inputs, MOST_ROWS, call)
        if self._transport.prefers_files and "generate_png" in self._metadata(call).signatures:
            signature = self._signature("generate_png", call)
        return self._pictures(self._in_parts(signature, inputs, _rows_a_request(math.prod(shape[:2])), call), shape)

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
        raise UsageError("longest: expected an integer, got 'auto' (a server does not report a model's size)")

    def _as_they_are(self, batch: np.ndarray, signature: Signature, call: Call) -> np.ndarray:
        """Translate whole images of one size."""
        inputs = {"images": batch}
        if self._transport.prefers_files and f"{signature.name}{_FILES}" in self._metadata(call).signatures:
            signature = self._signature(f"{signature.name}{_FILES}", call)
            inputs = {"image_bytes": _objects([images.encode_png(image) for image in batch])}
        made = self._in_parts(signature, inputs, _rows_a_request(math.prod(batch.shape[1:3])), call)
        return self._pictures(made, batch.shape[1:])

    def _classes(self, call: Call) -> int:
        """Read the number of classes from the server's error for an invalid label.

        The label is sent to `decode`: with `generate`, it would fail the requests that share its batch.
        """
        if self._known_classes is None:
            signature = self._signature("decode", call)
            latents = signature.inputs.get("latents")
            size = latents.shape[1] if latents and len(latents.shape) == 2 else None
            zeros = np.zeros([1, min(size or 1, MOST_COLUMNS)], np.float32)
            inputs = {"latents": zeros, "labels": np.array([-1], np.int32)}
            self._check_export(signature, inputs)
            try:
                self._predict(signature, inputs, call)
            except ServerError as refusal:
                found = _CLASSES.search(str(refusal))
                if found is None:
                    raise ServerError(f"{refusal} (while asking for the number of classes: give labels)") from None
                self._known_classes = int(found.group(1)) + 1
            else:
                raise ServerError(f"{self.address}: {self.name}: does not tell the number of classes (give labels)")
        return self._known_classes

    def _example(self, signature: Signature) -> tuple[str, tuple[int, ...]]:
        """Return name and shape of the examples that a signature draws."""
        for name, tensor in signature.outputs.items():
            shape = tuple(side or 0 for side in tensor.shape[1:])
            if name == "images":
                valid = _is_image(shape) and 0 < math.prod(shape[:2]) <= MOST_PIXELS_DRAWN
            else:
                valid = len(shape) in (1, 2) and 0 < math.prod(shape) <= MOST_COLUMNS
            if valid and len(signature.outputs) == 1:
                return name, shape
        raise self._no_export(signature)

    def _image_shape(self, signature: Signature) -> tuple[int, int, int]:
        """Return height and width (0 if free) and channels of the images that a signature translates."""
        shape = (
            tuple(side or 0 for side in signature.inputs["images"].shape[1:]) if "images" in signature.inputs else ()
        )
        if not _is_image(shape):
            raise self._no_export(signature)
        return shape

    def _pictures(self, made: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return images or PNG files as uint8 `[n, H, W, C]`, each of the given shape."""
        height, width, channels = shape
        if made.dtype == object:
            try:
                made = np.stack([_decoded(file, height, width, channels) for file in made])
            except DataError as error:
                raise ServerError(
                    f"{self.address}: {self.name}: expected PNG files of {height}x{width} pixels, got others ({error})"
                ) from None
        if made.shape[1:] != shape:
            raise ServerError(f"{self.address}: {self.name}: expected images {list(shape)}, got {list(made.shape[1:])}")
        return made


def _is_image(shape: tuple[int, ...]) -> TypeGuard[tuple[int, int, int]]:
    return len(shape) == 3 and shape[2] in (1, 3)


def _decoded(file: bytes, height: int, width: int, channels: int) -> np.ndarray:
    """Decode a PNG file of a known size; other formats could lie about theirs."""
    if not file.startswith(png.SIGNATURE):
        raise DataError("answer: not a PNG file")
    return images.decode(file, "answer", channels=channels, expected=(height, width))


def _rows_a_request(pixels: int) -> int:
    return max(1, min(MOST_ROWS, MOST_PIXELS // max(1, pixels)))


def _objects(files: Sequence[bytes]) -> np.ndarray:
    """Return an array of bytes that keeps trailing zeros."""
    array = np.empty(len(files), object)
    array[:] = files
    return array
