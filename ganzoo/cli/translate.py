"""Translate image files from one domain into another: photographs into paintings, horses into zebras.

Files, folders (all images in them, without subfolders) and patterns ('photos/*.jpg') become DIR/STEM.png, of the same
size; where several files have one stem, STEM_1.png, STEM_2.png, … in the order given. Files that are there already are
replaced, but never an original. Each PNG carries the names of model, domain and source.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError


def _longest(text: str) -> int | str:
    if text != "auto" and int(text) < 8:
        raise ValueError
    return text if text == "auto" else int(text)


def _strength(text: str) -> float:
    if not 0.0 <= float(text) <= 1.0:
        raise ValueError
    return float(text)


FLAGS = {
    "Model": (
        _flags.text("model", "NAME|RUN", "a model of the zoo that translates, or the directory of a run"),
        _flags.text("to", "DOMAIN", "what to make of the images (default: the first domain that the model makes)"),
    ),
    "How": (
        _flags.Flag(
            "longest",
            "N|auto",
            "shrink each image so that its longer side has N pixels and its aspect stays; auto takes the size that the "
            "model was trained at (default: as it is)",
            _longest,
            "a whole number of 8 or more, or auto",
        ),
        _flags.Flag(
            "strength",
            "S",
            "share of the translation, from 0 (the image as it is) to 1; between them the two are blended",
            _strength,
            "a number from 0 to 1",
            1.0,
        ),
        _flags.whole("size", "crop the central square and resize it to this side (default: as it is)", at_least=8),
        _flags.whole(
            "tile",
            "translate squares of this side, overlapping and blended, to save memory; larger ones look better "
            "(default: whole, and 1024 for images of more pixels than 2048x2048)",
            at_least=32,
        ),
        _flags.whole("batch_size", "images of one size to translate together", at_least=1, default=64),
        _flags.switch("skip_broken", "leave out images that cannot be read instead of stopping at the first"),
    ),
    "Where to": (
        _flags.text("out", "DIR", "the folder of the translations (default: MODEL_DOMAIN)"),
        _flags.text("sheet", "FILE.png", "originals beside their translations in one image, 60 of them at most"),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Looks at the files, loads the model, and translates."""
    from ganzoo import translating, zoo

    if given.model is None:
        raise UsageError(
            "--model is missing: for example --model cyclegan_digits (see ganzoo models --task image_translation)"
        )
    check_places(given.out, given.sheet)
    check_sizes(given.size, given.longest)
    translating.check_translates(given.model, given.to)
    paths = translating.find(given.arguments)
    pictures = translating.headers(paths, given.skip_broken)
    _tensorflow.import_quietly()
    model: Any = zoo.load(given.model)
    to = model.check_domain(given.to)
    out = Path(given.out or f"{model.name}_{to}")
    done = translating.translate_files(
        model,
        pictures,
        out,
        to=to,
        size=given.size,
        longest=given.longest,
        strength=given.strength,
        tile=given.tile,
        batch_size=given.batch_size,
        skip_broken=given.skip_broken,
        sheet=given.sheet,
        quiet=given.quiet,
    )
    text = f"{model.name}: {_counted(len(done.files))} as {to} in {out}"
    if given.sheet is not None:
        text += f"\n{done.sheet_pairs} of them beside their originals are in {given.sheet}"
    return Answer(
        text,
        {
            "model": model.name,
            "to": to,
            "size": given.size,
            "longest": model.check_made_for() if given.longest == "auto" else given.longest,
            "strength": given.strength,
            "tile": given.tile,
            "files": [translating.printable(file) for file in done.files.values()],
            "sources": [translating.printable(source) for source in done.files],
            "left_out": [translating.printable(path) for path in paths if path not in done.files],
            "sheet": given.sheet,
        },
    )


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def check_sizes(size: int | None, longest: int | str | None) -> None:
    """Refuses two sizes.

    Raises:
      UsageError: both are given.
    """
    if size is not None and longest is not None:
        raise UsageError("--size, --longest: expected one of them (--size crops a square, --longest keeps the aspect)")


def check_places(out: str | None, sheet: str | None) -> None:
    """Refuses names that cannot be meant, before anything is done.

    Raises:
      UsageError: a file for the folder, or a sheet that is no PNG.
    """
    if out is not None and not Path(out).is_dir():
        if Path(out).exists():
            raise UsageError(f"--out={out}: is a file, not a folder (each image becomes a file in DIR)")
        if not out.endswith("/") and Path(out).suffix.lower() in (".jpeg", ".jpg", ".png"):
            raise UsageError(f"--out={out}: not DIR (each image becomes a file in it; --sheet takes FILE.png)")
    if sheet is not None and not sheet.lower().endswith(".png"):
        raise UsageError(f"--sheet={sheet}: not FILE.png")


COMMAND = Command(
    name="translate",
    about=__doc__,
    usage="--model NAME|RUN [flags] FILES…",
    flags=FLAGS,
    work=work,
    max_arguments=sys.maxsize,
)
