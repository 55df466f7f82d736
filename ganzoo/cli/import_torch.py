"""Convert a CycleGAN generator that was trained in PyTorch into a model.

Reads the state dict of a ResNet generator of pytorch-CycleGAN-and-pix2pix or a fork of it (`latest_net_G_A.pth`),
without PyTorch and without running code from the file. Some forks pad images differently and the file does not tell
how: compare a picture.
"""

from __future__ import annotations

from ganzoo.cli import _flags
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command

FLAGS = {
    "Required": (
        _flags.text("file", "G.pth", "State dict of the generator (.pth or .safetensors)").required(),
        _flags.names("domains", "A,B", "Names of both domains").required(),
        _flags.text("to", "B", "Output domain of the generator").required(),
        _flags.text("out", "DIR", "New folder for the model").required(),
    ),
    "Optional": (
        _flags.whole("size", "Side of the square training images", at_least=1, default=256),
        _flags.text("name", "NAME", "Name of the model (default: made from the file's name)"),
        _flags.text("key", "KEY", "Place of the state dict in a nested checkpoint, or prefix of its names: models.G_A"),
        _flags.choice("norm", ("instance", "none"), "Normalization it was trained with (default: as the file tells)"),
    ),
}


def work(given: Given) -> Answer:
    """Read the file and write the model."""
    from ganzoo.zoo.import_torch import import_generator

    config, generator = import_generator(
        given.file, given.out, **given.pick("domains", "to", "size", "name", "key", "norm")
    )
    doubt = "" if generator.padding_known else "; its layer names do not tell how it pads: compare a picture"
    if not generator.normalization_known:
        doubt += "; the file does not tell its normalization, read as instance: if pictures differ, add --norm none"
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
            "normalization": generator.normalization,
            "normalization_known": generator.normalization_known,
        },
        brief=given.out,
    )


main = Command("import_torch", __doc__, FLAGS, work).run
