"""What every room uses: files, images, figures, randomness, weights, downloads, the processor."""
