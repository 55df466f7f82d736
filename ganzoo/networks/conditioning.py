"""Class conditioning: `concatenation` (one-hot), `embedding` (learned vectors or planes), `projection`, `auxiliary`.

With `projection` and `auxiliary` the discriminator does not see the label at its input, and the generator uses an
embedding. `auxiliary` gives the discriminator a second output, `class_logits`, which the penalty
`auxiliary_classifier` trains. Generators with conditional batch normalisation take the label there instead.

Sources: concatenation, Mirza & Osindero 2014, arXiv:1411.1784; projection, Miyato & Koyama 2018, arXiv:1802.05637,
eq. 5; auxiliary classifier, Odena et al. 2017, arXiv:1610.09585, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.networks.initial import initial
from ganzoo.networks.layers import BatchNormalization, ConditionalBatchNormalization, SpectralDense

Heads = Annotated[int, Field(ge=1, le=16)]  # logits of a discriminator
EMBEDDING_SIZE = 32
# With N(0, 1) the label outweighed the latents from the start, and cgan_mnist learned one picture per class (33% of the
# real diversity).
EMBEDDING_DEVIATION = 0.2


def condition_latents(latents: Any, labels: Any, classes: int, conditioning: str) -> Any:
    """Append the label to latents: `[N, size]` -> `[N, size + classes]` (one-hot) or `[N, size + EMBEDDING_SIZE]`."""
    if conditioning == "concatenation":
        code = one_hot(labels, classes)
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
    `[N, D]` gain as many columns. Projection and auxiliary leave them unchanged: see `judge`.
    """
    if conditioning in ("projection", "auxiliary"):
        return examples
    *spatial, _ = examples.shape[1:]
    if conditioning == "concatenation":
        code = one_hot(labels, classes)
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


def judge(
    tensors: Any,
    x: Any,
    logits: Any,
    classes: int = 0,
    conditioning: str | None = None,
    *,
    spectral: bool = False,
    features: bool = False,
) -> keras.Model:
    """Return a discriminator: of logits, or of `logits` and further outputs by name.

    Args:
      tensors: its inputs; the second are labels if there are classes.
      x: features, the input of the last layer: `[N, F]`, if there are classes.
      logits: `[N, heads]`; projection adds `<embedding(label), x>` to each. An auxiliary classifier has the further
        output `class_logits` `[N, classes]`.
      classes, conditioning: see the module.
      spectral: normalise the weights for labels spectrally.
      features: also return x, as `features`.
    """
    outputs = {"logits": logits}
    floats = keras.config.floatx()
    if classes and conditioning == "projection":
        width = x.shape[-1]
        if spectral:  # of one-hot labels, a dense layer without bias is an embedding
            embed = SpectralDense(width, use_bias=False, name="label_embedding", dtype=floats)
            embedding = embed(one_hot(tensors[1], classes))
        else:
            embedding = keras.layers.Embedding(
                classes, width, embeddings_initializer=initial(), name="label_embedding", dtype=floats
            )(tensors[1])
        product = keras.layers.Dot(axes=-1, name="label_projection", dtype=floats)([embedding, x])
        outputs["logits"] = keras.layers.Add(name="conditioned_logits", dtype=floats)([logits, product])
    if classes and conditioning == "auxiliary":
        dense = SpectralDense if spectral else keras.layers.Dense
        outputs["class_logits"] = dense(classes, kernel_initializer=initial(), name="class_logits", dtype=floats)(x)
    if features:
        outputs["features"] = x
    return keras.Model(tensors, outputs if len(outputs) > 1 else outputs["logits"], name="discriminator")


def batch_normalised(x: Any, labels: Sequence[Any], classes: int, name: str) -> Any:
    """Apply batch normalisation, with a scale and a shift for each class if there are labels."""
    if labels:
        return ConditionalBatchNormalization(classes, name=name)([x, *labels])
    return BatchNormalization(name=name)(x)


def one_hot(labels: Any, classes: int) -> Any:
    """Return labels int32 `[N]` as floats `[N, classes]`, with a one for each."""
    return keras.layers.Embedding(
        classes, classes, embeddings_initializer=keras.initializers.Identity(), trainable=False, name="label_one_hot"
    )(labels)
