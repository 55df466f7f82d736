"""Feature extractors: networks whose features represent images in metrics."""
