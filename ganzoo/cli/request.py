"""Request samples or translations from a server: TensorFlow Serving, or `ganzoo serve`.

Works like `ganzoo generate` and `ganzoo translate`, without loading a model. The same flags give the same images, up to
one grey level where the server batches requests; over REST, points have six digits. --to is required for a model with
several domains. A PNG names the model as the server does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.cli import _flags, _shared, generate, translate
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.core import start
from ganzoo.errors import DataError, GanzooError, UsageError
from ganzoo.training.progress import note_unless

if TYPE_CHECKING:
    from ganzoo.serving.client.client import Client
    from ganzoo.zoo.image_files import LeftOut, Picture

SERVER = "http://127.0.0.1:8501"

_LABELS = _shared.LABELS.but(
    help="Classes of the samples by number (not by name), repeated up to --n (default: all classes in turn)"
)
_TO_DRAW = tuple(_LABELS if flag is _shared.LABELS else flag for flag in generate.FLAGS["What to draw"])
_TO_TRANSLATE = (
    _shared.TO.but(help="Domain to translate to (default: the only one that the model makes)"),
    _shared.LONGEST,
    _shared.STRENGTH,
    _shared.SIZE,
    _shared.TILE,
    _shared.SKIP_BROKEN,
)


def _without_default(flag: _flags.Flag) -> _flags.Flag:
    """Return the flag with the default None, so that a flag that does not apply can be refused."""
    return flag.but(default=None, help=flag.help + _flags.default_of(flag))


FLAGS = {
    "Server": (
        _flags.text("server", "URL", "Address: http://HOST:PORT, https://… or grpc://HOST:PORT", SERVER),
        _flags.text("model", "NAME", "Name of the model on the server").required(
            "the name of the model on the server, for example --model cgan_mnist"
        ),
        _flags.whole("version", "Version of the model (default: the newest)", at_least=1),
        _flags.number("timeout", "SECONDS", "Time limit for all samples, or for each image", above=0, default=120.0),
        _flags.whole("retries", "Number of retries of a request that a busy server refuses", at_least=0, default=5),
    ),
    "What to draw": tuple(map(_without_default, _TO_DRAW)),
    "What to translate": tuple(map(_without_default, _TO_TRANSLATE)),
    "Where to": (
        _flags.text(
            "out",
            "FILE.png|DIR/",
            "Samples: a sheet, or a folder of single images (default: MODEL_SEED.png; points: a plot, or FILE.csv); "
            "translations: a folder (default: MODEL_DOMAIN)",
        ),
    ),
}


def work(given: Given) -> Answer:
    """Draw or translate, whichever the model on the server does."""
    from ganzoo.serving.client.transport import GRPC, api_of
    from ganzoo.zoo import image_files

    paths = image_files.find(given.arguments) if given.arguments else []
    if paths:
        translate.check_sizes(given.size, given.longest)
        if given.longest == "auto":
            raise UsageError("--longest: expected an integer, got 'auto' (a server does not report a model's size)")
    else:  # draw
        generate.form_of(given.out)
    if api_of(given.server) == GRPC:
        start.import_quietly()
    from ganzoo.serving.client.client import Client

    how = given.pick("version", "timeout", "retries")
    with Client(given.server, given.model, note=note_unless(given.quiet), **how) as client:
        return _translate(client, given, paths) if client.domains else _draw(client, given)


def _draw(client: Client, given: Given) -> Answer:
    wrong = _given(given, _TO_TRANSLATE) + ["FILES"] * bool(given.arguments)
    if wrong:
        raise UsageError(f"{client.name}: draws samples, it does not translate (leave out {_listed(wrong)})")
    _take_defaults(given, _TO_DRAW)
    from ganzoo.data import kinds

    answer = generate.draw(
        given,
        client,
        f"{client.name} on {client.address}",
        kind=kinds.of_output(*client.example()),
        classes=client.classes if given.labels is None else 0,
        class_names=None if "labels" in client.signature("generate").inputs else (),
    )
    return Answer(answer.text, {"server": client.address, **answer.data})


def _translate(client: Client, given: Given, paths: Sequence[Path]) -> Answer:
    from ganzoo.models.inputs import SMALLEST_SIDE
    from ganzoo.zoo import image_files

    wrong = _given(given, _TO_DRAW)
    if wrong:
        raise UsageError(f"{client.name}: translates, it does not draw (leave out {_listed(wrong)})")
    _take_defaults(given, _TO_TRANSLATE)
    given.to = _domain(client, given.to)
    translate.check_places(given.out, None)
    left_out: image_files.LeftOut | None = {} if given.skip_broken else None
    pictures = image_files.headers(paths or image_files.find([]), left_out)
    if given.size is None:
        pictures = image_files.large_enough(pictures, SMALLEST_SIDE, left_out, given.longest)
    out = Path(given.out or f"{client.name}_{given.to}")
    places = image_files.outputs([picture.path for picture in pictures], out)
    made = _translated(client, given, pictures, places, left_out)
    image_files.report(left_out, out)
    return Answer(
        f"{client.name} on {client.address}: {'1 image' if len(made) == 1 else f'{len(made)} images'} as {given.to} "
        f"in {out}",
        {
            "server": client.address,
            "model": client.name,
            **given.pick("to", "size", "longest", "strength", "tile"),
            "files": [image_files.printable(places[path]) for path in made],
            "sources": [image_files.printable(path) for path in made],
        },
    )


def _given(given: Given, flags: Sequence[_flags.Flag]) -> list[str]:
    return [f"--{flag.name}" for flag in flags if getattr(given, flag.name) is not None]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _take_defaults(given: Given, flags: Sequence[_flags.Flag]) -> None:
    for flag in flags:
        if getattr(given, flag.name) is None:
            setattr(given, flag.name, flag.default)


def _domain(client: Client, to: str | None) -> str:
    """Return the domain to translate to; a server does not report which of several is the default."""
    made = client.domains
    if to is None and len(made) == 1:
        return made[0]
    if to not in made:
        wrong = "--to is missing: expected" if to is None else f"--to: unknown domain '{to}', expected"
        raise UsageError(f"{wrong} one of {', '.join(made)}, the domains that {client.name} makes")
    return to


def _translated(
    client: Client,
    given: Given,
    pictures: Sequence[Picture],
    places: dict[Path, Path],
    left_out: LeftOut | None,
) -> list[Path]:
    """Translate the files one by one and return the finished ones; they stay when a later one fails."""
    from ganzoo.core import images
    from ganzoo.zoo import image_files
    from ganzoo.zoo import translate as translating

    channels = client.channels(given.to)
    deep_range = images.SharedRange(client.name, [picture.path for picture in pictures])
    made: list[Path] = []
    for picture in pictures:
        try:
            original = images.read(picture.path, given.size, channels, deep_range)
        except DataError as error:
            image_files.leave_out({picture.path: error}, left_out)
            continue
        if given.longest is not None:
            original = images.shrink(original, given.longest)
        large = original.shape[0] * original.shape[1] > translating.LARGEST_WHOLE**2
        tile = given.tile or (translating.AUTOMATIC_TILE if large else None)
        try:
            translation = client.translate(original, given.to, strength=given.strength, tile=tile)
        except GanzooError as error:
            so_far = f" ({len(made)} of {len(pictures)} are done)" if made else ""
            raise type(error)(f"{picture.path}: {error}{so_far}") from error
        source = image_files.printable(picture.path.name)
        strength = None if given.strength == 1.0 else f"{given.strength:g}"
        how = {"size": given.size, "longest": given.longest, "tile": tile, "strength": strength}
        origin = {"model": client.name, "to": given.to, **how, "source": source}
        metadata = {key: str(value) for key, value in origin.items() if value is not None}
        images.write_png(places[picture.path], translation, metadata)
        made.append(picture.path)
    if not made:
        raise DataError(f"{pictures[0].path}: broken, as are all {len(pictures)} images given (check them)")
    return made


main = Command("request", __doc__, FLAGS, work, usage="[flags] [FILES…]", max_arguments=sys.maxsize).run
