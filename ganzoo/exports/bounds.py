"""Bounds on the inputs of signatures, checked in the graph: a violation gives INVALID_ARGUMENT and one line.

`generate` and `translate` in Python check their inputs before they call the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from ganzoo.models.rows import LARGEST_SEED

MOST_ROWS = 1024  # per call
MOST_PIXELS = 2**22  # per network call, over all rows: 2048x2048
MOST_PIXELS_OF_FILES = 2**24  # per call with files, which are processed one by one
LARGEST_SIDE = 4096

# Limits on the content of an image file, whatever its header says: a few hundred kB can take minutes to decode.
BYTES_A_PIXEL = 16  # of a file, plus the following for previews and the like
FREE_BYTES = 2**22
DATA_BYTES_A_PIXEL = 10  # of PNG data: uncompressed pixels take 8 at most
FREE_DATA_BYTES = 2**12
BYTES_A_CHUNK = 256  # of PNG, on average; encoders write 8 kB or more
FREE_CHUNKS = 128
FREE_CHUNKS_OF_FILES = 2**14  # shared by the files of a call: a small PNG may have a chunk for every byte
MOST_FREE_CHUNKS = 2**11  # of one file; walking over one chunk takes about 60 microseconds
MOST_TEXTS = 16  # compressed texts and profiles of a PNG: each may inflate to 8 MB, which takes 50 ms
MOST_TEXTS_OF_FILES = 256
MOST_SCANS = 64  # of JPEG: encoders write 10, and an embedded preview may have as many


def of_rows(inputs: Mapping[str, tf.Tensor]) -> list[tf.Operation]:
    """Check the number of rows, which all inputs share.

    Args:
      inputs: Inputs by name, each `[N, …]`.

    Returns:
      Assertions that the computation depends on.
    """
    (first, given), *others = ((name, tf.shape(tensor)[0]) for name, tensor in inputs.items())
    checks = [_check((given >= 1) & (given <= MOST_ROWS), f"{first}: expected 1 to {MOST_ROWS} rows, got", given)]
    return checks + [
        _check(tf.equal(rows, given), f"{name}: expected as many rows as {first}, got", rows, given)
        for name, rows in others
    ]


def of_draws(inputs: Mapping[str, tf.Tensor], classes: int, pixels: int) -> list[tf.Operation]:
    """Check the inputs of a generator.

    Args:
      inputs: Inputs by name: any of `seeds`, `latents`, `truncation` and `labels`.
      classes: Number of classes; labels must be below it.
      pixels: Pixels of one image; 0 for points.
    """
    checks = of_rows(inputs)
    if pixels:
        rows = tf.shape(next(iter(inputs.values())))[0]
        most = max(1, MOST_PIXELS // pixels)
        checks.append(_check(rows <= most, f"{next(iter(inputs))}: expected at most {most} rows, got", rows))
    if "seeds" in inputs:
        seeds = inputs["seeds"]
        checks.append(_check(seeds >= 0, f"seeds: expected integers from 0 to {LARGEST_SEED}, got", seeds))
    if "latents" in inputs:
        right = tf.reduce_all(tf.math.is_finite(inputs["latents"]), axis=1)
        checks.append(_check(right, "latents: expected finite numbers, got others in rows", tf.where(~right)[:, 0]))
    if "truncation" in inputs:
        truncation = inputs["truncation"]
        right = tf.math.is_finite(truncation) & (truncation >= 0.0)
        checks.append(_check(right, "truncation: expected finite numbers of at least 0, got", truncation))
    if "labels" in inputs:
        labels = inputs["labels"]
        right = (labels >= 0) & (labels < classes)
        checks.append(_check(right, f"labels: expected integers from 0 to {classes - 1}, got", labels))
    return checks


def of_images(images: tf.Tensor, smallest: int) -> list[tf.Operation]:
    """Check images uint8 `[N, H, W, C]`, whose sides have at least `smallest` pixels."""
    shape = tf.shape(images, out_type=tf.int64)
    pixels = tf.reduce_prod(shape[:3])
    return [
        *of_rows({"images": images}),
        _of_sides("images", shape[tf.newaxis, 1:3], smallest),
        _check(pixels <= MOST_PIXELS, f"images: expected at most {MOST_PIXELS} pixels in all, got", pixels),
    ]


def of_files(sizes: tf.Tensor, lengths: tf.Tensor, smallest: int) -> list[tf.Operation]:
    """Check the sizes in the headers of image files, and the lengths of the files, before decoding.

    Args:
      sizes: Height and width, int64 `[N, 2]`.
      lengths: Bytes of each file, int64 `[N]`.
      smallest: Smallest side in pixels.
    """
    pixels = tf.reduce_prod(sizes, axis=1)
    total = tf.reduce_sum(pixels)
    return [
        _of_sides("image_bytes", sizes, smallest),
        _check(
            pixels <= MOST_PIXELS, f"image_bytes: expected at most {MOST_PIXELS} pixels per image, headers say", pixels
        ),
        _check(
            total <= MOST_PIXELS_OF_FILES,
            f"image_bytes: expected at most {MOST_PIXELS_OF_FILES} pixels in all, headers say",
            total,
        ),
        _check(
            lengths <= BYTES_A_PIXEL * pixels + FREE_BYTES,
            f"image_bytes: expected at most {BYTES_A_PIXEL} bytes per pixel and {FREE_BYTES} more, got",
            lengths,
        ),
    ]


def of_scans(scans: tf.Tensor) -> list[tf.Operation]:
    """Check the scans of JPEG files, int64 `[N]`, counted up to one too many: each scan passes over all pixels."""
    expected = f"image_bytes: expected at most {MOST_SCANS} scans in a JPEG file, counted up to {MOST_SCANS + 1}, got"
    return [_check(scans <= MOST_SCANS, expected, scans)]


def most_chunks(lengths: tf.Tensor) -> tf.Tensor:
    """Return the largest number of chunks of the PNG files of a call, from their lengths, both int64 `[N]`."""
    return _free_chunks(lengths) + lengths // BYTES_A_CHUNK


def _free_chunks(lengths: tf.Tensor) -> tf.Tensor:
    share = FREE_CHUNKS_OF_FILES // tf.maximum(tf.shape(lengths, out_type=tf.int64)[0], 1)
    return tf.clip_by_value(share, FREE_CHUNKS, MOST_FREE_CHUNKS)


def of_chunks(chunks: tf.Tensor, sizes: tf.Tensor, lengths: tf.Tensor) -> list[tf.Operation]:
    """Check the chunks of PNG files.

    Args:
      chunks: int64 `[N, 3]`: number of chunks, counted up to one too many; number of compressed texts and profiles;
        bytes of compressed pixels.
      sizes, lengths: As for `of_files`.
    """
    count, texts, data = tf.unstack(chunks, axis=1)
    total = tf.reduce_sum(texts)
    return [
        _check(
            count <= most_chunks(lengths),
            f"image_bytes: expected at most {MOST_FREE_CHUNKS} chunks in a PNG file ({FREE_CHUNKS} to "
            f"{MOST_FREE_CHUNKS} among more than {FREE_CHUNKS_OF_FILES // MOST_FREE_CHUNKS} files) and one more every "
            f"{BYTES_A_CHUNK} bytes, counted up to one too many, got",
            count,
        ),
        _check(
            texts <= MOST_TEXTS,
            f"image_bytes: expected at most {MOST_TEXTS} compressed texts and profiles in a PNG file, got",
            texts,
        ),
        _check(
            total <= MOST_TEXTS_OF_FILES,
            f"image_bytes: expected at most {MOST_TEXTS_OF_FILES} compressed texts and profiles in all, got",
            total,
        ),
        _check(
            data <= DATA_BYTES_A_PIXEL * tf.reduce_prod(sizes, axis=1) + FREE_DATA_BYTES,
            f"image_bytes: expected at most {DATA_BYTES_A_PIXEL} bytes of PNG data per pixel and {FREE_DATA_BYTES} "
            "more, got",
            data,
        ),
    ]


def of_formats(known: tf.Tensor, whole: tf.Tensor) -> list[tf.Operation]:
    """Check that all files have a known format and a complete header; both arguments are bool `[N]`."""
    return [
        _check(known, "image_bytes: expected PNG or JPEG files; whether they are:", known),
        _check(whole, "image_bytes: expected PNG files with a complete header; whether they have it:", whole),
    ]


def _of_sides(name: str, sizes: tf.Tensor, smallest: int) -> tf.Operation:
    right = (sizes >= smallest) & (sizes <= LARGEST_SIDE)
    return _check(right, f"{name}: expected sides of {smallest} to {LARGEST_SIDE} pixels, got (height, width)", sizes)


def _check(right: tf.Tensor, expected: str, *given: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(tf.reduce_all(right), [expected, *given], summarize=8)
