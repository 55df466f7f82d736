"""Generators of PyTorch's CycleGAN become models of ganzoo, without PyTorch and without running code of their files.

Read are state dicts of the ResNet generator of pytorch-CycleGAN-and-pix2pix and of its forks. Their names differ, so
that a layer is told by its place and its shape; within a module, numbers count and not the order in the file. What a
state dict does not tell is taken to be as in the original: reflection in blocks and at both ends, zeros before the
convolutions of stride 2, rectifiers, tanh, and instance normalisation with an epsilon of 1e-5. Where the layers have
the original's numbers, its padding layers are in between; some forks whose layers are called `initial`, `down_blocks`,
… reflect at stride 2 too, which moved pictures by 0.014 of [-1, 1] on average (vintagify's weights, 256x256).

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
from ganzoo.core.torch_file import read_state_dict
from ganzoo.errors import UsageError, WeightsError, did_you_mean
from ganzoo.schema import Config, other_domain, parse
from ganzoo.training.directory import CONFIG_FILE
from ganzoo.zoo.load import WEIGHTS_FILE

Arrays = dict[str, np.ndarray]
Shape = tuple[int, ...]

SMALLEST = 32  # side of images: the discriminators that a loaded model has beside the generator have no logit for 20
LARGEST_LIST = 3
RUNNING = ("running_mean", "running_var", "num_batches_tracked")


@dataclasses.dataclass(frozen=True)
class Generator:
    """What was read.

    Attributes:
      channels: of the images.
      width, blocks: arguments of the network `resnet`.
      arrays: variable of that network -> float32, in Keras's layout.
      padding_known: whether the names tell that it pads images as the original does.
    """

    channels: int
    width: int
    blocks: int
    arrays: Arrays
    padding_known: bool

    @property
    def parameters(self) -> int:
        """How many trainable numbers."""
        return sum(array.size for array in self.arrays.values())


def import_generator(
    file: str | Path,
    directory: str | Path,
    *,
    domains: Sequence[str],
    to: str,
    size: int = 256,
    name: str | None = None,
) -> tuple[Config, Generator]:
    """Writes `config.yaml` and `weights.safetensors` of a model that `ganzoo.load(directory)` takes.

    Args:
      file: the generator's state dict, as `torch.save` wrote it (`latest_net_G_A.pth`).
      directory: a new folder, or an empty one.
      domains: the names of both.
      to: the one that the generator makes.
      size: the side of the square images that it was trained on, a multiple of 4, `SMALLEST` or more; it translates any
        size.
      name: of the model; by default made from the file's name.

    Returns:
      The config that was written, and what was read.

    Raises:
      UsageError: `to` is not one of two domains, the size does not suit, or the directory has something in it.
      WeightsError: the file is absent or no state dict of such a generator; nothing is written then.
      ConfigError: a name or a size that no config can have.
      RunError: the directory cannot be written.
    """
    directory = Path(directory)
    before = _start(domains, to)
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise UsageError(f"{directory}: is there already, and no empty folder (give a new one)")
    if size < SMALLEST or size % 4:
        raise UsageError(f"size: {size} given, a multiple of 4 from {SMALLEST} on wanted")
    generator = read_generator(file)
    data = _config(generator, Path(file), [before, to], size, name)
    config = parse(data, str(directory / CONFIG_FILE))
    _write(directory / WEIGHTS_FILE, {f"generator_{to}/{key}": array for key, array in generator.arrays.items()})
    files.write_text(directory / CONFIG_FILE, config.to_yaml())
    return config, generator


def _start(domains: Sequence[str], to: str) -> str:
    """The domain that a generator of images of `to` starts from."""
    if len(set(domains)) != 2 or len(domains) != 2:
        raise UsageError(f"domains: {','.join(domains)} given, two different names wanted")
    if to not in domains:
        raise UsageError(f"to: '{to}' is none of the domains{did_you_mean(to, domains)}")
    return other_domain(domains, to)


def read_generator(path: str | Path) -> Generator:
    """Reads the state dict of a ResNet generator.

    A convolution's bias before an instance normalisation is left out: it moves a channel's mean and nothing else, and
    the normalisation takes the mean away. Scales and offsets that the file lacks (`affine=False`) are 1 and 0. Running
    statistics without a scale, which PyTorch before 0.4 wrote, are left out as the original's own loader does.

    Raises:
      WeightsError: the file is absent, damaged, asks for code, or holds another network; one line.
    """
    tensors = _tensors(path)
    convolutions = {name: array.shape for name, array in tensors.items() if array.ndim == 4}
    shapes = list(convolutions.values())
    if not shapes:
        raise WeightsError(f"{path}: no convolutions in it: not a generator of images")
    if shapes[0][2:] == (4, 4) and shapes[-1][0] == 1:
        raise WeightsError(f"{path}: a discriminator (give the generator's file, such as latest_net_G_A.pth)")
    width, channels = shapes[0][:2]
    blocks = max(1, shapes.count((4 * width, 4 * width, 3, 3)) // 2)
    wanted = _layout(channels, width, blocks)
    affine = any(array.ndim == 1 and name.endswith(".weight") for name, array in tensors.items())
    asked = {name: shape for name, shape in wanted.items() if affine or "_norm/" not in name}
    _check(tensors, asked, f"{path}: not a ResNet generator of width {width} with {blocks} blocks")
    read = dict(zip(asked, tensors.values(), strict=True))
    arrays = {
        name: _converted(read[name]) if name in read else np.full(shape, float(name.endswith("gamma")), np.float32)
        for name, shape in wanted.items()
    }
    return Generator(channels, width, blocks, arrays, _numbered_as_the_original(convolutions, blocks))


def _tensors(path: str | Path) -> Arrays:
    """Those that the network has use for, in order; see `read_generator`."""
    state = read_state_dict(path)
    if sum(array.nbytes for array in state.values()) > Path(path).stat().st_size:
        raise WeightsError(f"{path}: its tensors claim more than the file holds")
    for name in state:
        module, _, leaf = name.rpartition(".")
        if leaf in RUNNING and f"{module}.weight" in state:
            raise WeightsError(f"{path}: {name}: batch normalisation (only instance normalisation is imported)")
        if name.endswith("conv_block.0.weight"):
            raise WeightsError(f"{path}: {name}: blocks padded with zeros (only those with reflection are imported)")
    kept = {name: array for name, array in _in_order(state).items() if name.rpartition(".")[2] not in RUNNING}
    convolutions = [name for name, array in kept.items() if name.endswith("weight") and array.ndim == 4]
    without_effect = {f"{name.removesuffix('weight')}bias" for name in convolutions[:-1]}
    return {name: array for name, array in kept.items() if name not in without_effect}


def _in_order(state: Mapping[str, np.ndarray]) -> Arrays:
    """The tensors as the network runs them: the file's order, but siblings that are numbers by their number.

    A file that was written again with its names sorted has `model.10` before `model.4`, and biases before weights.
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


def _layout(channels: int, width: int, blocks: int) -> dict[str, Shape]:
    """The network's variables in the order in which it runs, with the shapes that PyTorch's tensors have.

    Those of convolutions are [to, from, height, width], those of transposed ones [from, to, height, width].
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
        normalised = (shape[1] if name.startswith("up") else shape[0],)
        layout |= {f"{name}/kernel": shape, f"{name}_norm/gamma": normalised, f"{name}_norm/beta": normalised}
    return {**layout, "end/kernel": (channels, width, 7, 7), "end/bias": (channels,)}


def _numbered_as_the_original(convolutions: Iterable[str], blocks: int) -> bool:
    """Whether the numbers in the convolutions' names leave room for the original's padding layers and for no others.

    They are places in a sequence: `model.1` comes after a padding layer, `model.10.conv_block.5` (6 with dropout) too.
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
    """Whether each tensor has the shape of the variable in its place; the first that do not are told."""
    wrong = []
    for given, asked in itertools.zip_longest(tensors.items(), wanted.items()):
        if asked is None:
            wrong.append(f"{given[0]} {list(given[1].shape)} is too much")
        elif given is None:
            wrong.append(f"{list(asked[1])} for {asked[0]} is missing")
        elif given[1].shape != asked[1]:
            wrong.append(f"{given[0]} is {list(given[1].shape)}, {list(asked[1])} wanted for {asked[0]}")
    if wrong:
        more = f"; and {len(wrong) - LARGEST_LIST} more" if len(wrong) > LARGEST_LIST else ""
        raise WeightsError(f"{problem}: {'; '.join(wrong[:LARGEST_LIST])}{more}")


def _converted(array: np.ndarray) -> np.ndarray:
    """PyTorch's layout -> Keras's, float32; for kernels that is the same permutation, transposed or not."""
    return np.asarray(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array, np.float32)


def _config(generator: Generator, file: Path, domains: list[str], size: int, name: str | None) -> dict[str, Any]:
    """What `config.yaml` says; a model of one generator is a Pix2Pix, which could be trained on with pairs."""
    adam = {"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5}
    return {
        "schema": 1,
        "name": re.sub(r"[^a-z0-9]+", "_", file.stem.lower()).strip("_") if name is None else name,
        "task": "image_translation",
        "summary": f"From {domains[0]} to {domains[1]}; imported from {file.name}",
        "source": "Zhu et al. 2017, arXiv:1703.10593; trained elsewhere, in PyTorch",
        "licence": {"data": "unknown", "weights": f"that of {file.name}, which ganzoo does not know"},
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
