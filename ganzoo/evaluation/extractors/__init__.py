"""Feature extractors: networks that say what an image shows, by which sets of images are compared."""
