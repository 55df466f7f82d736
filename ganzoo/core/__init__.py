"""Modules that every other room uses: files, images, figures, randomness, weights, downloads and hardware."""
