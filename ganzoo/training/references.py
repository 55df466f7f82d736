"""Reference loops for benchmarks: plain scripts in a checkout's `tools/references`, run by path."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import UsageError, did_you_mean
from ganzoo.schema import Config
from ganzoo.training.contest import Contestant

DIRECTORY = Path(__file__).parents[2] / "tools" / "references"


@dataclasses.dataclass(frozen=True)
class Suite:
    """References of one model.

    Attributes:
      dataset: keys of the config's `dataset` and the values that the scripts were written for.
      scripts: name -> script and arguments.
    """

    dataset: Mapping[str, Any]
    scripts: Mapping[str, tuple[str, ...]]


def _torch(script: str) -> dict[str, tuple[str, ...]]:
    """Return the variants of a PyTorch script."""
    return {
        "torch": (script,),
        "torch_channels_last": (script, "--channels_last"),
        "torch_bfloat16": (script, "--channels_last", "--precision", "bfloat16"),
    }


SUITES = {
    "dcgan_benchmark": Suite(
        {"name": "mnist_5k"}, {"keras_tutorial": ("keras_tutorial.py",), **_torch("torch_dcgan.py")}
    ),
    "cyclegan_benchmark": Suite({"size": 128}, _torch("torch_cyclegan.py")),
}
REFERENCES = tuple(dict.fromkeys(name for suite in SUITES.values() for name in suite.scripts))
OTHER_THAN_FLOAT32 = frozenset({"torch_bfloat16"})


def references(names: Iterable[str], config: Config, directory: Path = DIRECTORY) -> list[Contestant]:
    """Return the named contestants, each once.

    Args:
      names: names in `REFERENCES`.
      config: config to compare with; gives the batch size.
      directory: folder of the scripts.

    Raises:
      UsageError: a name is unknown, the model or data differ, or the checkout or PyTorch is missing.
    """
    contestants = []
    for name in dict.fromkeys(names):
        script, *arguments = _script(name, config)
        if not (directory / script).is_file():
            raise UsageError(f"against: {directory / script} is missing: only a checkout of ganzoo has the references")
        if script.startswith("torch") and importlib.util.find_spec("torch") is None:
            raise UsageError(f"against: {name} needs PyTorch, which is not installed (pip install torch)")
        batch_size = str(config.training.batch_size)
        contestants.append(Contestant(name, (str(directory / script), "--batch_size", batch_size, *arguments)))
    return contestants


def _script(name: str, config: Config) -> tuple[str, ...]:
    """Return script and arguments of a reference, if it can be compared with a config."""
    if name not in REFERENCES:
        raise UsageError(f"against: unknown reference '{name}'{did_you_mean(name, REFERENCES)}")
    written_for = [model for model, suite in SUITES.items() if name in suite.scripts]
    if config.name not in written_for:
        raise UsageError(
            f"against: {name} is written for {' and '.join(written_for)}, not for {config.name} "
            f"(--model {written_for[0]})"
        )
    suite = SUITES[config.name]
    for key, wanted in suite.dataset.items():
        actual = getattr(config.dataset, key)
        if actual != wanted:
            raise UsageError(f"against: expected dataset.{key} {wanted}, got {actual} (leave it unchanged)")
    return suite.scripts[name]
