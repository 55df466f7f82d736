"""The networks of `zoo_configs/cyclegan_benchmark.yaml` in an eager PyTorch training loop: a speed reference.

The step is that of pytorch-CycleGAN-and-pix2pix, without its identity loss; random images are kept in memory. CPU only.
"""

from __future__ import annotations

import argparse
import random
import time

import torch
from torch import nn

from ganzoo.core import hardware
from ganzoo.training import turns

SIZE, WIDTH, BLOCKS = 128, 32, 6
CYCLE_WEIGHT = 10.0
POOL_SIZE = 50
WAITING = 64  # images of each domain


def main() -> None:
    """Take part in a contest; see ganzoo/training/turns.py."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--batch_size", type=int, default=1)
    flags.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="bfloat16 is autocast")
    flags.add_argument("--channels_last", action="store_true")
    given = flags.parse_args()
    turns.serve(lambda: prepare(given.batch_size, given.precision == "bfloat16", given.channels_last))


def prepare(batch_size: int, bfloat16: bool, channels_last: bool) -> tuple[turns.Reply, turns.Turn]:
    """Build everything and run the first step."""
    began = time.monotonic()
    torch.set_num_threads(hardware.cores())
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    domains = [torch.rand(WAITING, 3, SIZE, SIZE) * 2.0 - 1.0 for _ in "AB"]
    model = CycleGAN(memory_format, bfloat16)

    def step() -> None:
        batch = (images[torch.randint(WAITING, (batch_size,))].to(memory_format=memory_format) for images in domains)
        model.step(*batch)

    step()
    about = {
        "first_step_seconds": time.monotonic() - began,
        "parameters": {"generator": count(model.generators), "discriminator": count(model.discriminators)},
        "made_with": {"PyTorch": torch.__version__},
    }
    return about, lambda steps: turns.timed(step, steps, batch_size)


class CycleGAN:
    """Two generators, `to_b` and `to_a`, and their discriminators.

    Source: Zhu et al. 2017, arXiv:1703.10593; the order of the updates is that of the authors' `optimize_parameters`.
    """

    def __init__(self, memory_format: torch.memory_format, bfloat16: bool) -> None:
        self.generators = nn.ModuleDict({"to_b": make_generator(), "to_a": make_generator()})
        self.discriminators = nn.ModuleDict({"b": make_discriminator(), "a": make_discriminator()})
        self.pools = {"b": ImagePool(), "a": ImagePool()}
        self.optimizers = {
            network: torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.generators, self.discriminators)
        }
        self.bfloat16 = bfloat16
        for network in self.optimizers:
            network.to(memory_format=memory_format)

    def step(self, real_a: torch.Tensor, real_b: torch.Tensor) -> None:
        """Update both generators with frozen discriminators, then both discriminators."""
        with self.autocast():
            fake_b = self.generators["to_b"](real_a)
            again_a = self.generators["to_a"](fake_b)
            fake_a = self.generators["to_a"](real_b)
            again_b = self.generators["to_b"](fake_a)
        self.discriminators.requires_grad_(False)
        loss = self.adversarial_loss("b", fake_b, 1.0) + self.adversarial_loss("a", fake_a, 1.0)
        for again, real in ((again_a, real_a), (again_b, real_b)):
            loss = loss + CYCLE_WEIGHT * nn.functional.l1_loss(again.float(), real)
        self.optimizers[self.generators].zero_grad()
        loss.backward()
        self.optimizers[self.generators].step()
        self.discriminators.requires_grad_(True)
        self.optimizers[self.discriminators].zero_grad()
        for domain, real, fake in (("b", real_b, fake_b), ("a", real_a, fake_a)):
            pooled = self.pools[domain].exchange(fake.detach())
            loss = self.adversarial_loss(domain, real, 1.0) + self.adversarial_loss(domain, pooled, 0.0)
            (0.5 * loss).backward()
        self.optimizers[self.discriminators].step()

    def adversarial_loss(self, domain: str, images: torch.Tensor, target: float) -> torch.Tensor:
        """Return the least-squares loss over the patches."""
        with self.autocast():
            logits = self.discriminators[domain](images).float()
        return nn.functional.mse_loss(logits, torch.full_like(logits, target))

    def autocast(self) -> torch.autocast:
        """Return the context in which the networks compute in bfloat16, if enabled."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16)


class ImagePool:
    """Buffer of fakes: once full, it exchanges half of the incoming ones for older ones."""

    def __init__(self) -> None:
        self.images: list[torch.Tensor] = []

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        """Return as many images as given, `[N, 3, H, W]`."""
        chosen = []
        for image in images.split(1):
            if len(self.images) < POOL_SIZE:
                self.images.append(image)
            elif random.random() > 0.5:
                place = random.randrange(POOL_SIZE)
                self.images[place], image = image, self.images[place]
            chosen.append(image)
        return torch.cat(chosen)


class Residual(nn.Module):
    """`x + body(x)`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        body = [nn.ReflectionPad2d(1), *normalised(nn.Conv2d(channels, channels, 3, bias=False))]
        end = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False), norm(channels)]
        self.body = nn.Sequential(*body, *end)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def make_generator() -> nn.Sequential:
    """Build a network from images `[N, 3, H, W]` to images of the same shape."""
    deep = 4 * WIDTH
    upwards = {"stride": 2, "padding": 1, "output_padding": 1, "bias": False}
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normalised(nn.Conv2d(3, WIDTH, 7, bias=False)),
        *normalised(nn.Conv2d(WIDTH, 2 * WIDTH, 3, stride=2, padding=1, bias=False)),
        *normalised(nn.Conv2d(2 * WIDTH, deep, 3, stride=2, padding=1, bias=False)),
        *(Residual(deep) for _ in range(BLOCKS)),
        *normalised(nn.ConvTranspose2d(deep, 2 * WIDTH, 3, **upwards)),
        *normalised(nn.ConvTranspose2d(2 * WIDTH, WIDTH, 3, **upwards)),
        nn.ReflectionPad2d(3),
        nn.Conv2d(WIDTH, 3, 7),
        nn.Tanh(),
    )


def make_discriminator() -> nn.Sequential:
    """Build a network from images `[N, 3, H, W]` to logits `[N, 1, H / 8 - 2, W / 8 - 2]`, one per 70x70 patch."""
    return nn.Sequential(
        nn.Conv2d(3, WIDTH, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        *normalised(nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1, bias=False), leak=0.2),
        *normalised(nn.Conv2d(2 * WIDTH, 4 * WIDTH, 4, stride=2, padding=1, bias=False), leak=0.2),
        *normalised(nn.Conv2d(4 * WIDTH, 8 * WIDTH, 4, padding=1, bias=False), leak=0.2),
        nn.Conv2d(8 * WIDTH, 1, 4, padding=1),
    )


def normalised(convolution: nn.Conv2d | nn.ConvTranspose2d, leak: float = 0.0) -> tuple[nn.Module, ...]:
    """Return a convolution with normalisation and rectifier."""
    rectifier = nn.LeakyReLU(leak, inplace=True) if leak else nn.ReLU(inplace=True)
    return convolution, norm(convolution.out_channels), rectifier


def norm(channels: int) -> nn.InstanceNorm2d:
    """Return a normalisation with scale and offset, as in ganzoo; the authors' has none."""
    return nn.InstanceNorm2d(channels, affine=True)


def count(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    main()
