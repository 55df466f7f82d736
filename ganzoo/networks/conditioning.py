"""Class conditioning: `concatenation` (one-hot), `embedding` (learned vectors or planes), `projection`.

Sources: concatenation, Mirza & Osindero 2014, arXiv:1411.1784; projection, Miyato & Koyama 2018, arXiv:1802.05637,
eq. 5. With a projection discriminator the generator uses an embedding.
"""

from __future__ import annotations

from typing import Any

import keras

EMBEDDING_SIZE = 32
# With N(0, 1) the label outweighed the latents from the start, and cgan_mnist learned one picture per class (33% of the
# real diversity).
EMBEDDING_DEVIATION = 0.2


def condition_latents(latents: Any, labels: Any, classes: int, conditioning: str) -> Any:
    """Append the label to latents: `[N, size]` -> `[N, size + classes]` (one-hot) or `[N, size + EMBEDDING_SIZE]`."""
    if conditioning == "concatenation":
        code = _one_hot(labels, classes)
    else:
        code = keras.layers.Embedding(
            classes,
            EMBEDDING_SIZE,
            embeddings_initializer=keras.initializers.RandomNormal(0.0, EMBEDDING_DEVIATION),
            name="label_embedding",
        )(labels)
    return keras.layers.Concatenate(name="conditioned_latents")([latents, code])


def condition_examples(examples: Any, labels: Any, classes: int, conditioning: str) -> Any:
    """Append the label to the discriminator's input.

    Images `[N, H, W, C]` gain `classes` constant planes (concatenation) or one learned plane (embedding); vectors
    `[N, D]` gain as many columns. Projection leaves them unchanged: see `projected_logits`.
    """
    if conditioning == "projection":
        return examples
    *spatial, _ = examples.shape[1:]
    if conditioning == "concatenation":
        code = _one_hot(labels, classes)
        if spatial:
            height, width = spatial
            code = keras.layers.RepeatVector(height * width, name="label_planes_flat")(code)
            code = keras.layers.Reshape((height, width, classes), name="label_planes")(code)
    else:
        size = spatial[0] * spatial[1] if spatial else EMBEDDING_SIZE
        code = keras.layers.Embedding(classes, size, name="label_embedding")(labels)
        if spatial:
            code = keras.layers.Reshape((*spatial, 1), name="label_planes")(code)
    return keras.layers.Concatenate(name="conditioned_examples")([examples, code])


def projected_logits(features: Any, logits: Any, labels: Any, classes: int, conditioning: str | None) -> Any:
    """Add `<embedding(label), features [N, F]>` to the logits `[N, 1]`, for conditioning by projection."""
    if conditioning != "projection":
        return logits
    embedding = keras.layers.Embedding(
        classes,
        features.shape[-1],
        embeddings_initializer=keras.initializers.RandomNormal(0.0, 0.02),
        name="label_embedding",
        dtype=keras.config.floatx(),
    )(labels)
    product = keras.layers.Dot(axes=-1, name="label_projection", dtype=keras.config.floatx())([embedding, features])
    return keras.layers.Add(name="conditioned_logits", dtype=keras.config.floatx())([logits, product])


def _one_hot(labels: Any, classes: int) -> Any:
    return keras.layers.Embedding(
        classes, classes, embeddings_initializer=keras.initializers.Identity(), trainable=False, name="label_one_hot"
    )(labels)
