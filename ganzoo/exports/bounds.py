"""What a signature refuses, checked in the graph: a violation gives INVALID_ARGUMENT and one line that says why.

Python's own `generate` and `translate` check their inputs before they call the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from ganzoo.models.rows import LARGEST_SEED

MOST_ROWS = 1024  # of one call
MOST_PIXELS = 2**22  # that a network sees at once, over all rows: 2048x2048
MOST_PIXELS_OF_FILES = 2**24  # of one call that gives files, which are worked on one by one
LARGEST_SIDE = 4096

# What an image file may hold, whatever its header says: in a few hundred kB there is room for minutes of decoding.
BYTES_A_PIXEL = 16  # of a file, which may have some more of them for previews and the like
FREE_BYTES = 2**22
DATA_BYTES_A_PIXEL = 10  # of PNG: uncompressed they take 8 at most
FREE_DATA_BYTES = 2**12
BYTES_A_CHUNK = 256  # of PNG, on average; encoders write 8 kB or more
FREE_CHUNKS = 128
MOST_TEXTS = 16  # compressed texts and profiles of a PNG: each may inflate to 8 MB, which takes 50 ms
MOST_TEXTS_OF_FILES = 256
MOST_SCANS = 64  # of JPEG: encoders write 10, and an embedded preview may have as many


def of_rows(inputs: Mapping[str, tf.Tensor]) -> list[tf.Operation]:
    """Checks the number of rows, which all inputs share.

    Args:
      inputs: by name, each `[N, …]`.

    Returns:
      Operations that fail; what is computed has to wait for them.
    """
    (first, given), *others = ((name, tf.shape(tensor)[0]) for name, tensor in inputs.items())
    checks = [_check((given >= 1) & (given <= MOST_ROWS), f"{first}: 1 to {MOST_ROWS} rows wanted, given:", given)]
    return checks + [
        _check(tf.equal(rows, given), f"{name}: as many rows as of {first} wanted, given:", rows, given)
        for name, rows in others
    ]


def of_draws(inputs: Mapping[str, tf.Tensor], classes: int, pixels: int) -> list[tf.Operation]:
    """Checks what a generator is given.

    Args:
      inputs: by name, of `seeds`, `latents`, `truncation` and `labels`; not all need be there.
      classes: labels have to be below it.
      pixels: of one image; 0 for points.
    """
    checks = of_rows(inputs)
    if pixels:
        rows = tf.shape(next(iter(inputs.values())))[0]
        most = max(1, MOST_PIXELS // pixels)
        checks.append(_check(rows <= most, f"{next(iter(inputs))}: {most} rows or fewer wanted, given:", rows))
    if "seeds" in inputs:
        seeds = inputs["seeds"]
        checks.append(_check(seeds >= 0, f"seeds: integers from 0 to {LARGEST_SEED} wanted, given:", seeds))
    if "latents" in inputs:
        right = tf.reduce_all(tf.math.is_finite(inputs["latents"]), axis=1)
        checks.append(_check(right, "latents: finite numbers wanted, rows with others:", tf.where(~right)[:, 0]))
    if "truncation" in inputs:
        truncation = inputs["truncation"]
        right = tf.math.is_finite(truncation) & (truncation >= 0.0)
        checks.append(_check(right, "truncation: finite numbers of 0 or more wanted, given:", truncation))
    if "labels" in inputs:
        labels = inputs["labels"]
        right = (labels >= 0) & (labels < classes)
        checks.append(_check(right, f"labels: integers from 0 to {classes - 1} wanted, given:", labels))
    return checks


def of_images(images: tf.Tensor, smallest: int) -> list[tf.Operation]:
    """Checks images uint8 `[N, H, W, C]` of `smallest` pixels a side or more."""
    shape = tf.shape(images, out_type=tf.int64)
    pixels = tf.reduce_prod(shape[:3])
    return [
        *of_rows({"images": images}),
        _of_sides("images", shape[tf.newaxis, 1:3], smallest),
        _check(pixels <= MOST_PIXELS, f"images: {MOST_PIXELS} pixels or fewer in all wanted, given:", pixels),
    ]


def of_files(sizes: tf.Tensor, lengths: tf.Tensor, smallest: int) -> list[tf.Operation]:
    """Checks what the headers of image files say, and how long the files are for it, before one is decoded.

    Args:
      sizes: int64 `[N, 2]`, height and width.
      lengths: int64 `[N]`, bytes.
      smallest: pixels of a side.
    """
    pixels = tf.reduce_prod(sizes, axis=1)
    total = tf.reduce_sum(pixels)
    return [
        _of_sides("image_bytes", sizes, smallest),
        _check(
            pixels <= MOST_PIXELS, f"image_bytes: {MOST_PIXELS} pixels or fewer an image wanted, headers say:", pixels
        ),
        _check(
            total <= MOST_PIXELS_OF_FILES,
            f"image_bytes: {MOST_PIXELS_OF_FILES} pixels or fewer in all wanted, headers say:",
            total,
        ),
        _check(
            lengths <= BYTES_A_PIXEL * pixels + FREE_BYTES,
            f"image_bytes: {BYTES_A_PIXEL} bytes a pixel and {FREE_BYTES} more, or fewer, wanted, given:",
            lengths,
        ),
    ]


def of_scans(scans: tf.Tensor) -> list[tf.Operation]:
    """Checks int64 `[N]`, the scans of JPEG files counted up to one too many: each passes over all pixels."""
    wanted = f"image_bytes: {MOST_SCANS} scans or fewer of a JPEG file wanted, counted up to {MOST_SCANS + 1}:"
    return [_check(scans <= MOST_SCANS, wanted, scans)]


def most_chunks(lengths: tf.Tensor) -> tf.Tensor:
    """How many chunks PNG files of so many bytes may have, int64 as these."""
    return FREE_CHUNKS + lengths // BYTES_A_CHUNK


def of_chunks(chunks: tf.Tensor, sizes: tf.Tensor, lengths: tf.Tensor) -> list[tf.Operation]:
    """Checks what PNG files consist of.

    Args:
      chunks: int64 `[N, 3]`: chunks, counted up to one too many, those of compressed texts and profiles, bytes of
        compressed pixels.
      sizes, lengths: as in `of_files`.
    """
    count, texts, data = tf.unstack(chunks, axis=1)
    total = tf.reduce_sum(texts)
    return [
        _check(
            count <= most_chunks(lengths),
            f"image_bytes: {FREE_CHUNKS} chunks of a PNG file and one more every {BYTES_A_CHUNK} bytes, or fewer, "
            "wanted, counted up to one too many:",
            count,
        ),
        _check(
            texts <= MOST_TEXTS,
            f"image_bytes: {MOST_TEXTS} compressed texts and profiles of a PNG file or fewer wanted, given:",
            texts,
        ),
        _check(
            total <= MOST_TEXTS_OF_FILES,
            f"image_bytes: {MOST_TEXTS_OF_FILES} compressed texts and profiles or fewer in all wanted, given:",
            total,
        ),
        _check(
            data <= DATA_BYTES_A_PIXEL * tf.reduce_prod(sizes, axis=1) + FREE_DATA_BYTES,
            f"image_bytes: {DATA_BYTES_A_PIXEL} bytes of PNG data a pixel and {FREE_DATA_BYTES} more, or fewer, "
            "wanted, given:",
            data,
        ),
    ]


def of_formats(known: tf.Tensor, whole: tf.Tensor) -> list[tf.Operation]:
    """Checks bool `[N]`: whether a file's format is known, and whether its header is there."""
    return [
        _check(known, "image_bytes: PNG or JPEG files wanted, whether they are:", known),
        _check(whole, "image_bytes: a PNG file is cut off or broken in its header; whole:", whole),
    ]


def _of_sides(name: str, sizes: tf.Tensor, smallest: int) -> tf.Operation:
    right = (sizes >= smallest) & (sizes <= LARGEST_SIDE)
    return _check(right, f"{name}: {smallest} to {LARGEST_SIDE} pixels a side wanted, given (height, width):", sizes)


def _check(right: tf.Tensor, wanted: str, *given: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(tf.reduce_all(right), [wanted, *given], summarize=8)
