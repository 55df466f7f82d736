"""Make a model of a CycleGAN generator that was trained in PyTorch.

It reads the state dict of a ResNet generator of pytorch-CycleGAN-and-pix2pix or a fork of it (`latest_net_G_A.pth`),
without PyTorch, and no code in it is run. Such a file does not always tell how a fork pads its images: compare.
"""

from __future__ import annotations

from types import SimpleNamespace

from ganzoo.cli import _flags
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError

NEEDED = (
    _flags.text("file", "G.pth", "the generator's state dict"),
    _flags.names("domains", "A,B", "the names of both domains"),
    _flags.text("to", "B", "the domain that the generator makes"),
    _flags.text("out", "DIR", "a new folder for the model"),
)

ALSO = (
    _flags.whole("size", "side of the square images that it was trained on", at_least=1, default=256),
    _flags.text("name", "NAME", "of the model (default: made from the file's name)"),
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Reads the file and writes the model."""
    for flag in NEEDED:
        if getattr(given, flag.name) is None:
            raise UsageError(f"--{flag.name} is missing: {flag.help}")
    from ganzoo.importing import import_generator

    config, generator = import_generator(
        given.file, given.out, domains=given.domains, to=given.to, size=given.size, name=given.name
    )
    doubt = "" if generator.padding_known else "; its layers' names do not tell how it pads images: compare a picture"
    return Answer(
        f"{config.name}: a ResNet of width {generator.width} with {generator.blocks} blocks and "
        f"{generator.parameters:,} parameters, from {' to '.join(config.dataset.domains)}, is in {given.out}{doubt}",
        {
            "name": config.name,
            "directory": given.out,
            "domains": config.dataset.domains,
            "width": generator.width,
            "blocks": generator.blocks,
            "parameters": generator.parameters,
            "padding_known": generator.padding_known,
        },
        brief=given.out,
    )


COMMAND = Command(
    name="import_torch",
    about=__doc__,
    usage="--file G.pth --domains A,B --to B --out DIR [flags]",
    flags={"All of these are needed": NEEDED, "Further": ALSO},
    work=work,
)
