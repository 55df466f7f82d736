"""Ask a model on a server for images, or to translate some: TensorFlow Serving, or `ganzoo serve`.

It does what `ganzoo generate` and `ganzoo translate` do, without loading a model: the same flags give the same images,
one grey level apart where a server runs requests together, and over REST points of six digits. But --to is needed where
a model makes several domains, and a PNG names the model as the server does.
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
from ganzoo.training.progress import note_unless

if TYPE_CHECKING:
    from ganzoo.serving.client.client import Client
    from ganzoo.translating import Picture

SERVER = "http://127.0.0.1:8501"

_OF_TRANSLATE = {flag.name: flag for flag in (*translate.FLAGS["Model"], *translate.FLAGS["How"])}
_TO_DRAW = generate.FLAGS["What to draw"]
_TO_TRANSLATE = (
    _flags.text("to", "DOMAIN", "what to make of the images (default: the only domain that the model makes)"),
    *(_OF_TRANSLATE[name] for name in ("longest", "strength", "size", "tile", "skip_broken")),
)


def _without_default(flag: _flags.Flag) -> _flags.Flag:
    """The flag, which is None where it is not given: one that does not apply can be refused."""
    told = f" (default: {flag.default})" if flag.value and flag.default is not None else ""
    return replace(flag, default=None, help=f"{flag.help}{told}")


FLAGS = {
    "Server": (
        _flags.text("server", "URL", "http://HOST:PORT, https://… or grpc://HOST:PORT", SERVER),
        _flags.text("model", "NAME", "the name that the server knows the model by"),
        _flags.whole("version", "of the model (default: the newest)", at_least=1),
        _flags.number("timeout", "SECONDS", "for all that is drawn, or each image translated", above=0, default=120.0),
        _flags.whole("retries", "of a request that a busy server puts off", at_least=0, default=5),
    ),
    "What to draw": tuple(map(_without_default, _TO_DRAW)),
    "What to translate": tuple(map(_without_default, _TO_TRANSLATE)),
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
    if not given.arguments:  # so it is to draw
        generate.form_of(given.out)
    if given.server.startswith("grpc://"):
        _tensorflow.import_quietly()
    from ganzoo.serving.client.client import Client

    with Client(
        given.server,
        given.model,
        version=given.version,
        timeout=given.timeout,
        retries=given.retries,
        note=note_unless(given.quiet),
    ) as client:
        return _translate(client, given) if client.domains else _draw(client, given)


def _draw(client: Client, given: SimpleNamespace) -> Answer:
    wrong = _given(given, _TO_TRANSLATE) + ["FILES"] * bool(given.arguments)
    if wrong:
        raise UsageError(f"{client.name}: draws, it does not translate (leave out {_listed(wrong)})")
    _take_defaults(given, _TO_DRAW)
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
    from ganzoo.models.inputs import SMALLEST_SIDE

    wrong = _given(given, _TO_DRAW)
    if wrong:
        raise UsageError(f"{client.name}: translates, it does not draw (leave out {_listed(wrong)})")
    _take_defaults(given, _TO_TRANSLATE)
    given.to = _domain(client, given.to)
    translate.check_places(given.out, None)
    translate.check_sizes(given.size, given.longest)
    if given.longest == "auto":
        raise UsageError("--longest=auto: a server does not say what size a model was made for (give a number)")
    pictures = translating.headers(translating.find(given.arguments), given.skip_broken)
    if given.size is None:
        pictures = translating.large_enough(pictures, SMALLEST_SIDE, given.skip_broken, given.longest)
    out = Path(given.out or f"{client.name}_{given.to}")
    places = translating.outputs([picture.path for picture in pictures], out)
    made = _translated(client, given, pictures, places)
    return Answer(
        f"{client.name} on {client.address}: {'1 image' if len(made) == 1 else f'{len(made)} images'} as {given.to} "
        f"in {out}",
        {
            "server": client.address,
            "model": client.name,
            "to": given.to,
            "size": given.size,
            "longest": given.longest,
            "strength": given.strength,
            "tile": given.tile,
            "files": [translating.printable(places[path]) for path in made],
            "sources": [translating.printable(path) for path in made],
        },
    )


def _given(given: SimpleNamespace, flags: Sequence[_flags.Flag]) -> list[str]:
    return [f"--{flag.name}" for flag in flags if getattr(given, flag.name) is not None]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _take_defaults(given: SimpleNamespace, flags: Sequence[_flags.Flag]) -> None:
    for flag in flags:
        if getattr(given, flag.name) is None:
            setattr(given, flag.name, flag.default)


def _domain(client: Client, to: str | None) -> str:
    """The domain that is wanted. Which of several is a model's first, a server does not say."""
    made = client.domains
    if to is None and len(made) == 1:
        return made[0]
    if to not in made:
        wrong = "--to is missing" if to is None else f"--to={to}: unknown"
        raise UsageError(f"{wrong} ({client.name} makes: {', '.join(made)})")
    return to


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
        if given.longest is not None:
            original = images.shrink(original, given.longest)
        large = original.shape[0] * original.shape[1] > translating.LARGEST_WHOLE**2
        tile = given.tile or (translating.AUTOMATIC_TILE if large else None)
        try:
            translation = client.translate(original, given.to, strength=given.strength, tile=tile)
        except GanzooError as error:
            so_far = f" ({len(made)} of {len(pictures)} are done)" if made else ""
            raise type(error)(f"{picture.path}: {error}{so_far}") from error
        source = translating.printable(picture.path.name)
        strength = None if given.strength == 1.0 else f"{given.strength:g}"
        how = {"size": given.size, "longest": given.longest, "tile": tile, "strength": strength}
        origin = {"model": client.name, "to": given.to, **how, "source": source}
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
