"""The reference loops that a benchmark compares with: plain scripts in a checkout's `tools/references`, run by path."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from ganzoo.errors import UsageError, did_you_mean
from ganzoo.schema import Config
from ganzoo.training.contest import Contestant

MODEL = "dcgan_benchmark"
DATA = "mnist_5k"
DIRECTORY = Path(__file__).parents[2] / "tools" / "references"

# name -> script and arguments
REFERENCES = {
    "keras_tutorial": ("keras_tutorial.py",),
    "torch": ("torch_dcgan.py",),
    "torch_channels_last": ("torch_dcgan.py", "--channels_last"),
    "torch_bfloat16": ("torch_dcgan.py", "--channels_last", "--precision", "bfloat16"),
}
OTHER_THAN_FLOAT32 = frozenset({"torch_bfloat16"})


def references(names: Iterable[str], config: Config, directory: Path = DIRECTORY) -> list[Contestant]:
    """The contestants of those names, each once.

    Args:
      names: keys of `REFERENCES`.
      config: what they are compared with; it gives the batch size.
      directory: where the scripts are.

    Raises:
      UsageError: an unknown name, another model or data set than theirs, no checkout, or PyTorch is not installed.
    """
    contestants = []
    for name in dict.fromkeys(names):
        if name not in REFERENCES:
            raise UsageError(f"against: unknown reference '{name}'{did_you_mean(name, REFERENCES)}")
        script, *arguments = REFERENCES[name]
        if config.name != MODEL:
            raise UsageError(
                f"against: the references are written for {MODEL}, not for {config.name} (--model {MODEL})"
            )
        if config.dataset.name != DATA:
            raise UsageError(f"against: the references see {DATA}, not {config.dataset.name} (leave --dataset out)")
        if not (directory / script).is_file():
            raise UsageError(
                f"against: {directory / script} is missing: the references are in a checkout of ganzoo only"
            )
        if script.startswith("torch") and importlib.util.find_spec("torch") is None:
            raise UsageError(f"against: {name} needs PyTorch, which is not installed (pip install torch)")
        batch_size = str(config.training.batch_size)
        contestants.append(Contestant(name, (str(directory / script), "--batch_size", batch_size, *arguments)))
    return contestants
