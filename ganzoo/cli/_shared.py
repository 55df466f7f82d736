"""Flags that several commands share: one name, one meaning, one help line.

A command adapts them: `SEED.but(default=0)` sets its default, `MODEL.required(…)` makes the flag mandatory.
"""

from __future__ import annotations

from ganzoo.cli._flags import Flag, choice, names, number, result, switch, text, texts, whole


def _longest(text: str) -> int | str:
    if text != "auto" and int(text) < 8:
        raise ValueError
    return text if text == "auto" else int(text)


def _strength(text: str) -> float:
    if not 0.0 <= float(text) <= 1.0:
        raise ValueError
    return float(text)


# model and data
MODEL = text("model", "NAME|FILE|RUN", "Zoo model (`ganzoo models` lists them), YAML config or run directory")
DATASET = text("dataset", "NAME|folder:PATH", "Data set to use instead of the config's")
DATA_DIR = text(
    "data_dir", "DIR", "Folder of data sets: prepared by TFDS, or plain folders trainA, trainB, testA, testB"
)
SKIP_BROKEN = switch("skip_broken", "Leave out images that cannot be read instead of stopping at the first")

# training
STEPS = whole("steps", "Number of training steps (updates of the generator)", at_least=1)
BATCH_SIZE = whole("batch_size", "Number of examples in a batch (in training: over all replicas together)", at_least=1)
SEED = whole("seed", "Seed of all random draws", at_least=0, at_most=2**31 - 1)
SET = texts("set", "KEY=VALUE", "Replace one value of the config, as in --set training.log_every=20")
ENGINE = (
    text(
        "strategy",
        "NAME",
        "Distribution strategy: auto, none, mirrored (all GPUs; or mirrored:GPU:0,GPU:2), multiworker (reads "
        "TF_CONFIG), tpu (not tried)",
        "auto",
    ),
    whole(
        "logical_devices", "Number of logical devices to split the CPU into, to try mirrored without GPUs", at_least=1
    ),
    choice("precision", ("auto", "float32", "bfloat16", "float16"), "Precision that the networks compute in"),
    choice("xla", ("auto", "on", "off"), "Whether XLA compiles the training step"),
)

# sampling
N = whole(
    "n",
    "Number of samples (default: the number of labels, or 10 per class, or 64; points, rows: 1000; sequences: 100)",
    at_least=1,
)
LABELS = names(
    "labels",
    "3,3,7",
    "Classes of the samples by number or name (cat,dog), repeated up to --n (default: all classes in turn)",
)
TRUNCATION = number(
    "truncation",
    "T",
    "Factor of the latents (no truncated normal), or psi of a style generator, up to 1: smaller is more typical and "
    "less varied",
    above=0,
    at_most=1.0,
    default=1.0,
)

# translation
TO = text("to", "DOMAIN", "Domain to translate to (default: the first that the model makes)")
LONGEST = Flag(
    "longest",
    "N|auto",
    "Longer side to shrink each image to, keeping its aspect ratio; auto is the size that the model was trained at "
    "(default: no change)",
    _longest,
    "an integer of at least 8, or auto",
)
STRENGTH = Flag(
    "strength",
    "S",
    "Weight of the translation in the result, from 0 (the original image) to 1",
    _strength,
    "a number from 0 to 1",
    1.0,
)
SIZE = whole("size", "Side to which the central square of each image is resized (default: no change)", at_least=8)
TILE = whole(
    "tile",
    "Side of overlapping tiles, which save memory; larger ones look better (default: whole images, and 1024 for images "
    "of more pixels than 2048x2048)",
    at_least=32,
)

# all commands
OUTPUT = (
    result("json", ".json", "Print the result as JSON on standard output, or write it to a file"),
    switch("quiet", "Print only the bare result, if any, and errors"),
)
IMPORT = texts(
    "import",
    "MODULE",
    "Python module to import first, from the working directory, PYTHONPATH or installed packages; its registered "
    "losses, networks and other parts can be used by name",
)
