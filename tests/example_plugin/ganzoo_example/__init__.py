"""Parts of one's own for ganzoo; importing the package registers them."""

from ganzoo_example import data, network, objectives, scheme

__all__ = ["data", "network", "objectives", "scheme"]
