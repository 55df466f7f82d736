"""Fashion-MNIST without a network: the original files from Debian's package `dataset-fashion-mnist`.

Debian strips name and time from the gzip headers, so TFDS, which verifies SHA-256, refuses its files. With the header
restored they are byte for byte the originals, and pass TFDS's check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import DataError

PACKAGE = "dataset-fashion-mnist"
FOLDER = Path("/usr/share/datasets/fashion-mnist")

# Time at which Zalando packed the originals (31 August 2017, 10:50 UTC), found by trying every second of that year
# until TFDS's SHA-256 of each file came out.
PACKED_AT = {
    "train-images-idx3-ubyte.gz": 1504176606,
    "train-labels-idx1-ubyte.gz": 1504176606,
    "t10k-images-idx3-ubyte.gz": 1504176627,
    "t10k-labels-idx1-ubyte.gz": 1504176627,
}

_STRIPPED_START = b"\x1f\x8b\x08\x00"  # gzip, deflate, no optional fields
_NAMED_START = b"\x1f\x8b\x08\x08"  # the same, with a file name
_HEADER_BYTES = 10


def place_originals(url_infos: Mapping[str, Any], target: Path) -> None:
    """Write the four original files into TFDS's folder.

    Args:
      url_infos: TFDS's record of the data set: URL -> size, SHA-256 (`checksum`) and `filename`.
      target: an existing folder.

    Raises:
      DataError: if a file is missing, or differs from the original after its header is restored.
    """
    checksums = {info.filename: info.checksum for info in url_infos.values()}
    for name, packed_at in PACKED_AT.items():
        path = FOLDER / name
        mend = f"apt-get install --reinstall {PACKAGE}"
        try:
            stripped = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}): {mend}") from None
        original = restore_header(stripped, name, packed_at)
        if hashlib.sha256(original).hexdigest() != checksums[name]:
            raise DataError(f"{path}: damaged: its SHA-256 differs from the original's: {mend}")
        (target / name).write_bytes(original)


def restore_header(stripped: bytes, name: str, packed_at: int) -> bytes:
    """Restore the name and time of a gzip file (RFC 1952, section 2.3).

    Args:
      stripped: gzip file without optional fields; anything else is returned unchanged.
      name: file name with `.gz`; the header holds it without.
      packed_at: seconds since 1970.
    """
    if not stripped.startswith(_STRIPPED_START):
        return stripped
    packing = b"\x00\x03"  # default compression, on Unix
    header = _NAMED_START + packed_at.to_bytes(4, "little") + packing + name.removesuffix(".gz").encode() + b"\x00"
    return header + stripped[_HEADER_BYTES:]
