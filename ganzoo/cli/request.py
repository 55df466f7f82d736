"""Ask a model on a server for images, or to translate some: TensorFlow Serving, or `ganzoo serve`.

It does what `ganzoo generate` and `ganzoo translate` do, without loading a model: the same flags give the same files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from ganzoo.cli import _flags, _tensorflow, generate, translate
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import DataError, GanzooError, UsageError

if TYPE_CHECKING:
    from ganzoo.serving.client.client import Client
    from ganzoo.translating import Picture

SERVER = "http://127.0.0.1:8501"
SEED = 0  # as for generate

_TO_TRANSLATE = {flag.name: flag for flag in (*translate.FLAGS["Model"], *translate.FLAGS["How"])}

FLAGS = {
    "Server": (
        _flags.text("server", "URL", "http://HOST:PORT, https://… or grpc://HOST:PORT", SERVER),
        _flags.text("model", "NAME", "the name that the server knows the model by"),
        _flags.whole("version", "of the model (default: the newest)", at_least=1),
        _flags.number("timeout", "SECONDS", "for all that is drawn, or each image translated", above=0, default=120.0),
        _flags.whole("retries", "of a request that a busy server puts off", at_least=0, default=5),
    ),
    "What to draw": generate.FLAGS["What to draw"],
    "What to translate": tuple(_TO_TRANSLATE[name] for name in ("to", "size", "tile", "skip_broken")),
    "Where to": (
        _flags.text(
            "out",
            "FILE.png|DIR/",
            "drawn: a sheet, or a folder of single images (default: MODEL_SEED.png; points: a plot, or FILE.csv); "
            "translated: their folder (default: MODEL_DOMAIN)",
        ),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Asks the server what the model does, and for that."""
    if given.model is None:
        raise UsageError("--model is missing: what the server calls it, for example --model cgan_mnist")
    if given.server.startswith("grpc://"):
        _tensorflow.import_quietly()
    from ganzoo.serving.client.client import Client

    with Client(
        given.server, given.model, version=given.version, timeout=given.timeout, retries=given.retries
    ) as client:
        return _translate(client, given) if client.domains else _draw(client, given)


def _draw(client: Client, given: SimpleNamespace) -> Answer:
    if given.arguments or given.to is not None:
        raise UsageError(f"{client.name}: draws and translates nothing (leave out --to and FILES)")
    answer = generate.draw(
        given,
        client,
        f"{client.name} on {client.address}",
        points="points" in client.signature("generate").outputs,
        classes=client.classes if given.labels is None else 0,
    )
    return replace(answer, data={"server": client.address, **answer.data})


def _translate(client: Client, given: SimpleNamespace) -> Answer:
    from ganzoo import translating

    if given.labels is not None or given.n is not None:
        raise UsageError(f"{client.name}: translates and draws nothing (leave out --n and --labels)")
    translate.check_places(given.out, None)
    pictures = translating.headers(translating.find(given.arguments), given.skip_broken)
    out = Path(given.out or "_".join(filter(None, [client.name, given.to])))
    places = translating.outputs([picture.path for picture in pictures], out)
    made = _translated(client, given, pictures, places)
    return Answer(
        f"{client.name} on {client.address}: {'1 image' if len(made) == 1 else f'{len(made)} images'} translated, "
        f"in {out}",
        {
            "server": client.address,
            "model": client.name,
            "to": given.to,
            "size": given.size,
            "tile": given.tile,
            "files": [translating.printable(places[path]) for path in made],
            "sources": [translating.printable(path) for path in made],
        },
    )


def _translated(
    client: Client, given: SimpleNamespace, pictures: Sequence[Picture], places: dict[Path, Path]
) -> list[Path]:
    """The files that were translated; what is written stays, whatever happens to the next."""
    from ganzoo import images, translating

    channels = client.signature("serving_default").inputs["images"].shape[-1] or 3
    made: list[Path] = []
    for picture in pictures:
        try:
            original = images.read(picture.path, given.size, channels)
        except DataError as error:
            if given.skip_broken:
                print(f"left out: {error}", file=sys.stderr)
                continue
            raise
        large = original.shape[0] * original.shape[1] > translating.LARGEST_WHOLE**2
        tile = given.tile or (translating.AUTOMATIC_TILE if large else None)
        try:
            translation = client.translate(original, given.to, tile)
        except GanzooError as error:
            so_far = f" ({len(made)} of {len(pictures)} are done)" if made else ""
            raise type(error)(f"{picture.path}: {error}{so_far}") from error
        source = translating.printable(picture.path.name)
        origin = {"model": client.name, "to": given.to, "size": given.size, "tile": tile, "source": source}
        metadata = {key: str(value) for key, value in origin.items() if value is not None}
        images.write_png(places[picture.path], translation, metadata)
        made.append(picture.path)
    if not made:
        raise DataError(f"{pictures[0].path}: broken, as are all {len(pictures)} images given (check them)")
    return made


COMMAND = Command(
    name="request",
    about=__doc__,
    usage="--model NAME [flags] [FILES…]",
    flags=FLAGS,
    work=work,
    max_arguments=sys.maxsize,
)
