"""The networks of `zoo_configs/dcgan_benchmark.yaml` in an eager PyTorch training loop: a speed reference.

The generator runs once per step; images are kept in memory. CPU only.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import nn

from ganzoo.core import hardware
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.training import turns

LATENT_SIZE = 100


def main() -> None:
    """Take part in a contest; see ganzoo/training/turns.py."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--batch_size", type=int, default=128)
    flags.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="bfloat16 is autocast")
    flags.add_argument("--channels_last", action="store_true")
    given = flags.parse_args()
    turns.serve(lambda: prepare(given.batch_size, given.precision == "bfloat16", given.channels_last))


def prepare(batch_size: int, bfloat16: bool, channels_last: bool) -> tuple[turns.Reply, turns.Turn]:
    """Build everything and run the first step."""
    began = time.monotonic()
    torch.set_num_threads(hardware.cores())
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.from_numpy(load_mnist_5k()[0]).unsqueeze(1).float() / 127.5 - 1.0
    generator = Generator(channels_last).to(memory_format=memory_format)
    discriminator = make_discriminator().to(memory_format=memory_format)
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4)
    cross_entropy = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)

    def step() -> None:
        real = images[torch.randint(len(images), (batch_size,))].to(memory_format=memory_format)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            fake = generator(torch.randn(batch_size, LATENT_SIZE))
            loss = cross_entropy(discriminator(real).float(), ones)
            loss = loss + cross_entropy(discriminator(fake.detach()).float(), zeros)
        discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        discriminator_optimizer.step()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = cross_entropy(discriminator(fake).float(), ones)
        generator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        generator_optimizer.step()

    step()
    about = {
        "first_step_seconds": time.monotonic() - began,
        "parameters": {"generator": count(generator), "discriminator": count(discriminator)},
        "made_with": {"PyTorch": torch.__version__},
    }
    return about, lambda steps: turns.timed(step, steps, batch_size)


class Generator(nn.Module):
    """Build a network from latents `[N, 100]` to images `[N, 1, 28, 28]`; paddings give the sizes of Keras's `same`."""

    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.start = nn.Linear(LATENT_SIZE, 256 * 7 * 7, bias=False)
        self.rest = nn.Sequential(
            nn.BatchNorm2d(256),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(256, 128, 5, stride=1, padding=2, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(128, 64, 5, stride=2, padding=2, output_padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(64, 1, 5, stride=2, padding=2, output_padding=1),
            nn.Tanh(),
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        start = self.start(latents)
        if self.channels_last:  # read in this format, so that nothing moves
            return self.rest(start.unflatten(1, (7, 7, 256)).permute(0, 3, 1, 2))
        return self.rest(start.unflatten(1, (256, 7, 7)))


def make_discriminator() -> nn.Sequential:
    """Build a network from images `[N, 1, 28, 28]` to logits `[N, 1]`."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, stride=2, padding=2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Conv2d(64, 128, 5, stride=2, padding=2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(128 * 7 * 7, 1),
    )


def count(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    main()
