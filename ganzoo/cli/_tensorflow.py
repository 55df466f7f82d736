"""Start of TensorFlow for a command; see `ganzoo.start`."""

from ganzoo.start import import_quietly, quiet_start

__all__ = ["import_quietly", "quiet_start"]
