"""Fashion-MNIST without network: the original files out of Debian's package `dataset-fashion-mnist`.

Debian strips the name and the time out of the gzip headers, so TFDS, which knows the originals by their SHA-256,
refuses its files. With the header put back they are the originals byte for byte, and pass TFDS's own check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import DataError

PACKAGE = "dataset-fashion-mnist"
FOLDER = Path("/usr/share/datasets/fashion-mnist")

# When Zalando packed the originals (31 August 2017, 10:50 UTC): found by trying the seconds of that year until TFDS's
# SHA-256 of each file came out.
PACKED_AT = {
    "train-images-idx3-ubyte.gz": 1504176606,
    "train-labels-idx1-ubyte.gz": 1504176606,
    "t10k-images-idx3-ubyte.gz": 1504176627,
    "t10k-labels-idx1-ubyte.gz": 1504176627,
}

_STRIPPED_START = b"\x1f\x8b\x08\x00"  # gzip, deflate, no optional fields
_NAMED_START = b"\x1f\x8b\x08\x08"  # the same with a file name
_HEADER_BYTES = 10


def place_originals(url_infos: Mapping[str, Any], target: Path) -> None:
    """Writes the four original files for TFDS to find.

    Args:
      url_infos: TFDS's record of the data set: URL -> size, SHA-256 (`checksum`) and `filename`.
      target: an existing folder.

    Raises:
      DataError: a file is missing, or is not the original once its header is back.
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
            raise DataError(f"{path}: damaged, its SHA-256 is not that of the original: {mend}")
        (target / name).write_bytes(original)


def restore_header(stripped: bytes, name: str, packed_at: int) -> bytes:
    """A gzip file with its name and time put back (RFC 1952, section 2.3).

    Args:
      stripped: a gzip file without optional fields; anything else is returned as it is.
      name: with `.gz`; the header holds it without.
      packed_at: seconds since 1970.
    """
    if not stripped.startswith(_STRIPPED_START):
        return stripped
    packing = b"\x00\x03"  # default compression, on Unix
    header = _NAMED_START + packed_at.to_bytes(4, "little") + packing + name.removesuffix(".gz").encode() + b"\x00"
    return header + stripped[_HEADER_BYTES:]
