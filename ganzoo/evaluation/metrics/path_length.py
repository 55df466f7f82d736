"""Perceptual path length: rate of change of an image between two latents."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.metric import Comparison, Value, mean, metric

PATHS = 2000
STEP = 1e-3  # of the path; at 1e-4 the features' float32 rounding shows
PATHS_A_CALL = 100
CUT = (1.0, 99.0)  # percentiles beyond which paths are ignored, as in the source


@metric(needs=("model",), path_length="lower")
def path_length(comparison: Comparison) -> dict[str, Value]:
    """Return the mean of `||f(G(z(t + e))) - f(G(z(t)))||^2 / e^2` over random paths and positions.

    f are the extractor's features, of unquantised images. Paths are spherical for a normal prior, else straight.

    Source: Karras et al. 2019, arXiv:1812.04948, section 4.1 (with LPIPS for the distance).
    """
    import tensorflow as tf

    model, embed = comparison.model, comparison.extractor.embed
    assert model is not None, "the need is checked before"
    if embed is None:
        raise UsageError(f"metrics: path_length: {comparison.extractor.name} is not differentiable (leave it out)")
    latents = model.sample_latents(2 * PATHS, comparison.seed)
    places = np.random.default_rng(comparison.seed).random(PATHS) * (1.0 - STEP)
    way = spherical if model.prior == "normal" else straight
    labels = np.arange(PATHS, dtype=np.int32) % max(model.classes, 1)

    @tf.function(reduce_retracing=True, autograph=False)
    def features(latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        conditions = [labels] if model.classes else []
        return tf.cast(embed(model.sampler.inside(latents, *conditions)), tf.float32)

    squares = []
    for start in range(0, PATHS, PATHS_A_CALL):
        chosen = slice(start, start + PATHS_A_CALL)
        ends = latents[:PATHS][chosen], latents[PATHS:][chosen]
        near, far = (
            features(tf.constant(way(*ends, places[chosen] + shift)), tf.constant(labels[chosen])).numpy()
            for shift in (0.0, STEP)
        )
        squares.append(np.sum((far.astype(np.float64) - near) ** 2, axis=1) / STEP**2)
    lengths = np.concatenate(squares)
    low, high = np.percentile(lengths, CUT)
    return {"path_length": mean(lengths[(lengths >= low) & (lengths <= high)])}


def straight(start: np.ndarray, end: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Interpolate linearly between latents `[n, d]` at positions `[n]` in [0, 1]: float32 `[n, d]`."""
    along = place[:, np.newaxis]
    return ((1.0 - along) * start + along * end).astype(np.float32)


def spherical(start: np.ndarray, end: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Interpolate on great circles: ends are normalised, and the path scaled to the prior's typical length, sqrt(d).

    Source: Shoemake 1985; for latents White 2016, arXiv:1609.04468.
    """
    a, b = (x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True) for x in (start, end))
    angle = np.arccos(np.clip(np.sum(a * b, axis=1, keepdims=True), -1.0, 1.0))
    along = place[:, np.newaxis]
    apart = angle > 1e-6  # else the path has no length
    sine = np.sin(np.where(apart, angle, 1.0))
    from_a, from_b = (np.where(apart, np.sin(part * angle) / sine, part) for part in (1.0 - along, along))
    on_sphere = from_a * a + from_b * b
    return (np.sqrt(start.shape[1]) * on_sphere).astype(np.float32)
