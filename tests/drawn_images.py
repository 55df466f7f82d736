"""Images that tests draw, as files in memory."""

import io

import numpy as np
from PIL import Image


def encoded(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def colours(*rows) -> np.ndarray:
    return np.array(rows, np.uint8)


def gradient(height=32, width=32) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns * 255 // width, rows * 255 // height, (rows + columns) * 4 % 256], -1).astype(np.uint8)
