"""Decoding of PNG and JPEG files inside a TensorFlow graph, by the rules of `images.decode`.

Transparent pixels are composited on white, and grey is ITU-R 601 luma, with Pillow's rounding. TensorFlow reads
neither the EXIF orientation nor ICC profiles: both are ignored. 16-bit samples keep their upper byte, whatever range
the file declares. Clients that need more decode with `images.decode` and send pixels.
"""

from __future__ import annotations

import tensorflow as tf

from ganzoo.core.images.png import SIGNATURE
from ganzoo.exports import bounds

JPEG_START = b"\xff\xd8\xff"
PNG_HEADER = 25  # bytes: the start, then length and name of the chunk IHDR, width, height, bits of a sample
JPEG_SCAN = b"\xff\xda\0"  # marker of a scan and the upper byte of its header's length, which is 14 at most


def checked_files(files: tf.Tensor, smallest: int) -> tf.Tensor:
    """Return the files after checking, without decoding, that they decode in bounded memory and time.

    Args:
      files: Content of each file, string `[N]`.
      smallest: Smallest side in pixels.
    """
    with tf.control_dependencies(bounds.of_rows({"image_bytes": files})):
        starts = tf.strings.substr(files, 0, PNG_HEADER)
    is_png = tf.equal(tf.strings.substr(starts, 0, len(SIGNATURE)), SIGNATURE)
    is_jpeg = tf.equal(tf.strings.substr(starts, 0, len(JPEG_START)), JPEG_START)
    chunk = tf.strings.substr(tf.strings.join([starts, b"\0" * PNG_HEADER]), 12, 4)
    whole = ~is_png | (tf.equal(tf.strings.length(starts), PNG_HEADER) & tf.equal(chunk, b"IHDR"))
    with tf.control_dependencies(bounds.of_formats(is_png | is_jpeg, whole)):
        sizes = tf.map_fn(_size, tf.identity(files), fn_output_signature=tf.TensorSpec([2], tf.int64))
    lengths = tf.cast(tf.strings.length(files), tf.int64)
    with tf.control_dependencies(bounds.of_files(sizes, lengths, smallest)):
        small = tf.identity(files)
    chunks = tf.map_fn(
        lambda given: _chunks(*given),
        (small, bounds.most_chunks(lengths)),
        fn_output_signature=tf.TensorSpec([3], tf.int64),
    )
    scans = tf.where(is_png, tf.constant(0, tf.int64), _scans(small))
    with tf.control_dependencies([*bounds.of_scans(scans), *bounds.of_chunks(chunks, sizes, lengths)]):
        return tf.identity(small)


def decode(file: tf.Tensor, channels: int) -> tf.Tensor:
    """Return the pixels of a checked file, uint8 `[H, W, channels]`, with 1 or 3 channels."""
    pixels = tf.cond(_is_png(file), lambda: _on_white(_rgba(file)), lambda: _rgb(file))
    return tf.cast(_luma(pixels) if channels == 1 else pixels, tf.uint8)


def _is_png(file: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.substr(file, 0, len(SIGNATURE)), SIGNATURE)


def _size(file: tf.Tensor) -> tf.Tensor:
    """Return height and width in the header, int64 `[2]`."""
    return tf.cond(_is_png(file), lambda: _png_size(file), lambda: tf.image.extract_jpeg_shape(file, tf.int64)[:2])


def _png_size(file: tf.Tensor) -> tf.Tensor:
    digits = tf.cast(tf.reshape(_bytes(file, 16, 8), [2, 4]), tf.int64)
    width_and_height = tf.reduce_sum(digits * tf.constant([2**24, 2**16, 2**8, 1], tf.int64), axis=1)
    return width_and_height[::-1]


def _scans(files: tf.Tensor) -> tf.Tensor:
    """Return an upper bound of the scans of JPEG files, int64 `[N]`, counted up to one too many.

    Compressed pixels never contain the scan marker. Embedded previews do, and other data by chance once in 16 MB.
    """
    return tf.strings.split(files, JPEG_SCAN, maxsplit=bounds.MOST_SCANS + 1).row_lengths() - 1


def _chunks(file: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    """Return the counts of a PNG file for `bounds.of_chunks`, int64 `[3]`, read from chunk to chunk; zeros for JPEG."""
    length = tf.cast(tf.strings.length(file), tf.int64)

    def is_next(at: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        return (at + 8 <= length) & (counts[0] <= most)

    def count(at: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        head = tf.io.decode_raw(tf.strings.substr(file, at, 8), tf.int32, little_endian=False)
        content = tf.cast(head[0], tf.int64) & 0xFFFFFFFF
        is_text = tf.reduce_any(tf.equal(head[1], [_number(name) for name in (b"zTXt", b"iTXt", b"iCCP")]))
        data = tf.where(tf.equal(head[1], _number(b"IDAT")), content, 0)
        after = tf.where(tf.equal(head[1], _number(b"IEND")), length, at + 12 + content)
        return after, counts + tf.stack([1, tf.cast(is_text, tf.int64), data])

    start = tf.where(_is_png(file), tf.constant(len(SIGNATURE), tf.int64), length)
    return tf.while_loop(is_next, count, [start, tf.zeros([3], tf.int64)], parallel_iterations=1)[1]


def _number(name: bytes) -> int:
    return int.from_bytes(name, "big")


def _bytes(file: tf.Tensor, start: int, count: int) -> tf.Tensor:
    return tf.io.decode_raw(tf.strings.substr(file, start, count), tf.uint8)


def _rgba(file: tf.Tensor) -> tf.Tensor:
    """Return the pixels of a PNG file, int32 `[H, W, 4]`.

    For files of d < 8 bits per sample without alpha, TensorFlow gives the alpha 2**d - 1 instead of 255.
    """
    rgba = tf.cast(tf.io.decode_png(file, channels=4), tf.int32)
    bits = tf.cast(_bytes(file, 24, 1)[0], tf.int32)
    made_up = (bits < 8) & tf.reduce_all(tf.equal(rgba[..., 3], tf.bitwise.left_shift(1, bits) - 1))
    return tf.where(made_up & tf.constant([False, False, False, True]), 255, rgba)


def _rgb(file: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE"), tf.int32)


def _on_white(rgba: tf.Tensor) -> tf.Tensor:
    """Composite pixels on white, int32 `[H, W, 3]`, rounded like Pillow's `alpha_composite`."""
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    mixed = (colour * alpha + 255 * (255 - alpha) + 128) * 128
    shift = tf.bitwise.right_shift
    return shift(shift(shift(mixed, 8) + mixed, 8), 7)


def _luma(rgb: tf.Tensor) -> tf.Tensor:
    """Return luma, int32 `[H, W, 1]`, rounded like Pillow."""
    weighted = tf.reduce_sum(rgb * tf.constant([19595, 38470, 7471]), axis=-1, keepdims=True)
    return tf.bitwise.right_shift(weighted + 2**15, 16)
