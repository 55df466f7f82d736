"""Import generators of PyTorch's CycleGAN, without PyTorch and without running code from their files.

Reads state dicts of the ResNet generator of pytorch-CycleGAN-and-pix2pix and its forks. Their layer names differ, so
layers are identified by position and shape; within a module, numbers give the order. What a state dict does
not tell is assumed to be as in the original: reflection padding in blocks and at both ends, zero padding before the
convolutions of stride 2, ReLU, tanh, and instance normalisation with an epsilon of 1e-5. Layer numbers equal to the
original's prove its padding layers, and without scales and biases that it was trained with `--norm none`: the original
has biases with instance normalisation. Some forks that name their layers `initial`, `down_blocks`, … use reflection at
stride 2 too, which changed images by 0.014 of [-1, 1] on average (vintagify's weights, 256x256).
Source: Zhu et al. 2017, arXiv:1703.10593, https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.core import files, weights
from ganzoo.core.torch_file import prefixes, read_state_dict
from ganzoo.errors import UsageError, WeightsError, did_you_mean
from ganzoo.schema import Config, other_domain, parse
from ganzoo.training.directory import CONFIG_FILE
from ganzoo.zoo.load import WEIGHTS_FILE

Arrays = dict[str, np.ndarray]
Shape = tuple[int, ...]

SMALLEST = 32  # image side; the discriminators of the loaded model have no logit for 20
LARGEST_LIST = 3
FEWEST_CONVOLUTIONS, MOST_CHANNELS = 4, 6  # of a network of its own; a discriminator may take two images
RUNNING = ("running_mean", "running_var", "num_batches_tracked")


@dataclasses.dataclass(frozen=True)
class Generator:
    """Imported generator.

    Attributes:
      channels: number of image channels.
      width, blocks: arguments of the network `resnet`.
      arrays: variable of that network -> float32, in Keras's layout.
      padding_known: whether the layer names prove that it pads as the original does.
      normalization: argument of the network `resnet`.
      normalization_known: whether the file, or the caller, tells the normalization.
    """

    channels: int
    width: int
    blocks: int
    arrays: Arrays
    padding_known: bool
    normalization: str = "instance"
    normalization_known: bool = True

    @property
    def parameters(self) -> int:
        """Return the number of trainable parameters."""
        return sum(array.size for array in self.arrays.values())


def import_generator(
    file: str | Path,
    directory: str | Path,
    *,
    domains: Sequence[str],
    to: str,
    size: int = 256,
    name: str | None = None,
    key: str | None = None,
    norm: str | None = None,
) -> tuple[Config, Generator]:
    """Write `config.yaml` and `weights.safetensors`, for `ganzoo.load(directory)`.

    Args:
      file: state dict of the generator, written by `torch.save` (`latest_net_G_A.pth`), or safetensors.
      directory: new or empty folder.
      domains: names of both domains.
      to: output domain of the generator.
      size: side of the square training images, a multiple of 4 and at least `SMALLEST`; the model translates any size.
      name: name of the model; by default made from the file's name.
      key: where the state dict is in a nested checkpoint: `state_dict`, `models.G_A`; its end may be a prefix of names.
      norm: normalization that it was trained with, `instance` or `none`; by default as the file tells.

    Returns:
      The config written, and the generator read.

    Raises:
      UsageError: `to` is not one of two domains, the size is invalid, or the directory is not empty.
      WeightsError: the file is missing or not a state dict of such a generator; nothing is written.
      ConfigError: the name or size is not valid in a config.
      RunError: the directory cannot be written.
    """
    directory = Path(directory)
    before = _start(domains, to)
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise UsageError(f"{directory}: expected a new or empty folder (choose another one)")
    if size < SMALLEST or size % 4:
        raise UsageError(f"size: expected a multiple of 4 of at least {SMALLEST}, got {size}")
    generator = read_generator(file, key, norm)
    data = _config(generator, Path(file), [before, to], size, name)
    config = parse(data, str(directory / CONFIG_FILE))
    _write(directory / WEIGHTS_FILE, {f"generator_{to}/{key}": array for key, array in generator.arrays.items()})
    files.write_text(directory / CONFIG_FILE, config.to_yaml())
    return config, generator


def _start(domains: Sequence[str], to: str) -> str:
    """Return the input domain of a generator that makes images of `to`."""
    if len(set(domains)) != 2 or len(domains) != 2:
        raise UsageError(f"domains: expected two different names, got {','.join(domains)}")
    if to not in domains:
        raise UsageError(f"to: expected one of the domains, got '{to}'{did_you_mean(to, domains)}")
    return other_domain(domains, to)


def read_generator(path: str | Path, key: str | None = None, norm: str | None = None) -> Generator:
    """Read the state dict of a ResNet generator; `key` and `norm` are as for `import_generator`.

    The bias of a convolution before an instance normalisation is dropped: the normalisation subtracts the mean that it
    shifts. Missing scales and offsets (`affine=False`) are 1 and 0. Running statistics without a scale, which PyTorch
    before 0.4 wrote, are dropped, as by the original's loader.

    Raises:
      WeightsError: the file is missing, damaged, contains code, or holds another network.
    """
    state = read_state_dict(path, key)
    try:
        return _generator(path, state, norm)
    except WeightsError as error:
        ordered = _in_order(state)
        own = [prefix for prefix in prefixes(state) if _is_network(ordered, prefix)]
        parts = own if key is None else [f"{key}.{prefix}" for prefix in own]
        several = f"; it holds several networks, so give the key of one: {', '.join(parts)}" if parts else ""
        raise WeightsError(f"{error}{several}") from None


def _is_network(state: Mapping[str, np.ndarray], prefix: str) -> bool:
    """Return whether the tensors below a prefix may be a network of its own: some convolutions, the first of images."""
    channels = [array.shape[1] for name, array in state.items() if name.startswith(f"{prefix}.") and array.ndim == 4]
    return len(channels) >= FEWEST_CONVOLUTIONS and channels[0] <= MOST_CHANNELS


def _generator(path: str | Path, state: Arrays, norm: str | None) -> Generator:
    tensors = _tensors(path, state)
    convolutions = {name: array.shape for name, array in tensors.items() if array.ndim == 4}
    shapes = list(convolutions.values())
    if not shapes:
        raise WeightsError(f"{path}: expected an image generator, got a network without convolutions")
    if shapes[0][2:] == (4, 4) and shapes[-1][0] == 1:
        raise WeightsError(f"{path}: expected a generator, got a discriminator (give, for example, latest_net_G_A.pth)")
    width, channels = shapes[0][:2]
    blocks = max(1, shapes.count((4 * width, 4 * width, 3, 3)) // 2)
    affine = any(array.ndim == 1 and name.endswith(".weight") for name, array in tensors.items())
    without_effect = {f"{name.removesuffix('weight')}bias" for name in list(convolutions)[:-1]}
    biased = bool(without_effect & tensors.keys())
    original = _numbered_as_the_original(convolutions, blocks)
    known = norm is not None or affine or (original and not biased)  # a fork may have biases without a normalisation
    norm = norm or ("instance" if affine or biased or not original else "none")
    if norm == "none" and affine:
        raise WeightsError(f"{path}: norm: expected instance, got none, but the file has scales of a normalisation")
    wanted = _layout(channels, width, blocks, norm)
    if norm == "instance":
        tensors = {name: array for name, array in tensors.items() if name not in without_effect}
    there = biased if norm == "none" else affine  # what follows a kernel: its bias, or scale and offset
    asked = {name: shape for name, shape in wanted.items() if there or name.endswith("/kernel") or name == "end/bias"}
    _check(tensors, asked, f"{path}: not a ResNet generator of width {width} with {blocks} blocks")
    read = dict(zip(asked, tensors.values(), strict=True))
    arrays = {
        name: _converted(read[name], f"{path}: {name}")
        if name in read
        else np.full(shape, float(name.endswith("gamma")), np.float32)
        for name, shape in wanted.items()
    }
    return Generator(channels, width, blocks, arrays, original, norm, known)


def _tensors(path: str | Path, state: Arrays) -> Arrays:
    """Return the tensors of a state dict but for running statistics, in order; see `read_generator`."""
    if sum(array.nbytes for array in state.values()) > Path(path).stat().st_size:
        raise WeightsError(f"{path}: declares larger tensors than the file holds (it is damaged)")
    for name in state:
        module, _, leaf = name.rpartition(".")
        if leaf in RUNNING and f"{module}.weight" in state:
            raise WeightsError(f"{path}: {name}: expected instance normalisation, got batch normalisation")
        if name.endswith("conv_block.0.weight"):
            raise WeightsError(f"{path}: {name}: expected blocks with reflection padding, got zero padding")
    return {name: array for name, array in _in_order(state).items() if name.rpartition(".")[2] not in RUNNING}


def _in_order(state: Mapping[str, np.ndarray]) -> Arrays:
    """Return the tensors in network order: the file's order, with numbered siblings sorted by number.

    A file rewritten with sorted names has `model.10` before `model.4`, and biases before weights.
    """
    places: dict[str, int] = {}

    def place(name: str) -> list[tuple[int, str]]:
        *path, leaf = name.split(".")
        return [
            (len(part), part) if part.isdecimal() else (places.setdefault(".".join(path[: depth + 1]), len(places)), "")
            for depth, part in enumerate(path)
        ] + [(leaf != "weight", "")]

    order = {name: place(name) for name in state}
    return {name: state[name] for name in sorted(state, key=lambda name: order[name])}


def _layout(channels: int, width: int, blocks: int, norm: str) -> dict[str, Shape]:
    """Return the network's variables in execution order, with the shapes of PyTorch's tensors.

    Convolutions are [out, in, height, width], transposed ones [in, out, height, width].
    """
    deep = 4 * width
    convolutions: dict[str, Shape] = {
        "start": (width, channels, 7, 7),
        "down1": (2 * width, width, 3, 3),
        "down2": (deep, 2 * width, 3, 3),
        **{f"block{i}_conv{j}": (deep, deep, 3, 3) for i, j in itertools.product(range(1, blocks + 1), (1, 2))},
        "up1": (deep, 2 * width, 3, 3),
        "up2": (2 * width, width, 3, 3),
    }
    layout: dict[str, Shape] = {}
    for name, shape in convolutions.items():
        made = (shape[1] if name.startswith("up") else shape[0],)
        further = (f"{name}/bias",) if norm == "none" else (f"{name}_norm/gamma", f"{name}_norm/beta")
        layout |= {f"{name}/kernel": shape} | dict.fromkeys(further, made)
    return {**layout, "end/kernel": (channels, width, 7, 7), "end/bias": (channels,)}


def _numbered_as_the_original(convolutions: Iterable[str], blocks: int) -> bool:
    """Return whether the numbers of the convolutions leave room for exactly the original's padding layers.

    Numbers are positions in a sequence: padding layers precede `model.1` and `model.10.conv_block.5` (6 with dropout).
    """
    numbers = [[part for part in name.split(".") if part.isdecimal()] for name in convolutions]
    ends = [10 + blocks, 13 + blocks, 17 + blocks]
    for second in (5, 6):
        inside = itertools.product(range(10, 10 + blocks), (1, second))
        theirs = [(1,), (4,), (7,), *inside, *((end,) for end in ends)]
        if numbers == [list(map(str, places)) for places in theirs]:
            return True
    return False


def _check(tensors: Arrays, wanted: Mapping[str, Shape], problem: str) -> None:
    """Check that each tensor has the shape of its variable, and report the first that differ."""
    wrong = []
    for given, asked in itertools.zip_longest(tensors.items(), wanted.items()):
        if asked is None:
            wrong.append(f"{given[0]} {list(given[1].shape)} is unexpected")
        elif given is None:
            wrong.append(f"{list(asked[1])} for {asked[0]} is missing")
        elif given[1].shape != asked[1]:
            wrong.append(f"{given[0]}: expected {list(asked[1])} for {asked[0]}, got {list(given[1].shape)}")
    if wrong:
        more = f"; and {len(wrong) - LARGEST_LIST} more" if len(wrong) > LARGEST_LIST else ""
        raise WeightsError(f"{problem}: {'; '.join(wrong[:LARGEST_LIST])}{more}")


def _converted(array: np.ndarray, where: str) -> np.ndarray:
    """Convert PyTorch's layout to Keras's, as float32; kernels share one permutation, transposed or not."""
    if not (np.issubdtype(array.dtype, np.floating) or array.dtype == "bfloat16"):
        raise WeightsError(f"{where}: expected floats, got {array.dtype} (export it before it is quantized)")
    with np.errstate(over="ignore"):
        converted = np.asarray(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array, np.float32)
    if not np.isfinite(converted).all():
        raise WeightsError(f"{where}: expected finite numbers, got NaN or infinity (the training had failed)")
    return converted


def _config(generator: Generator, file: Path, domains: list[str], size: int, name: str | None) -> dict[str, Any]:
    """Return the values of `config.yaml`; one generator makes a Pix2Pix, which could be trained further with pairs."""
    adam = {"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5}
    return {
        "schema": 1,
        "name": re.sub(r"[^a-z0-9]+", "_", file.stem.lower()).strip("_") if name is None else name,
        "task": "image_translation",
        "summary": f"From {domains[0]} to {domains[1]}; imported from {file.name}",
        "source": "Zhu et al. 2017, arXiv:1703.10593; trained elsewhere, in PyTorch",
        "licence": {"data": "unknown", "weights": f"that of {file.name}, unknown to ganzoo"},
        "dataset": {
            "name": "folder:unknown",
            "size": size,
            "channels": generator.channels,
            "domains": domains,
        },
        "model": {"scheme": "pix2pix"},
        "generator": {
            "network": "resnet",
            "width": generator.width,
            "blocks": generator.blocks,
            "upsampling": "transposed",
            "normalization": generator.normalization,
        },
        "discriminator": {"network": "patchgan"},
        "loss": {"name": "least_squares"},
        "optimizer": {"generator": adam, "discriminator": adam},
        "training": {"steps": 100_000, "batch_size": 1},
    }


def _write(path: Path, arrays: Arrays) -> None:
    with tempfile.TemporaryDirectory() as folder:
        weights.write(Path(folder) / path.name, arrays)
        files.write_bytes(path, (Path(folder) / path.name).read_bytes())
