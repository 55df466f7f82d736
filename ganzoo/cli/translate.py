"""Translate image files from one domain into another: photographs into paintings, horses into zebras.

Each file, image of a folder (without subfolders) and match of a pattern ('photos/*.jpg') becomes DIR/STEM.png of the
same size; equal stems become STEM_1.png, STEM_2.png, … in the order given. Existing files are replaced, but never an
original. Each PNG names its model, domain and source.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.core import start
from ganzoo.errors import UsageError

FLAGS = {
    "Model": (
        _shared.MODEL.required("for example --model cyclegan_digits (see ganzoo models --task image_translation)"),
        _shared.TO,
    ),
    "How": (
        _shared.LONGEST,
        _shared.STRENGTH,
        _shared.SIZE,
        _shared.TILE,
        _shared.BATCH_SIZE.but(default=64),
        _shared.SKIP_BROKEN,
    ),
    "Where to": (
        _flags.text("out", "DIR", "Folder of the translations (default: MODEL_DOMAIN)"),
        _flags.text("sheet", "FILE.png", "Sheet of originals beside their translations, at most 60 pairs"),
    ),
}


def work(given: Given) -> Answer:
    """Check the files, load the model, and translate."""
    import ganzoo
    from ganzoo.zoo import image_files
    from ganzoo.zoo import translate as translating

    check_places(given.out, given.sheet)
    check_sizes(given.size, given.longest)
    translating.check_translates(given.model, given.to)
    paths = image_files.find(given.arguments)
    left_out: image_files.LeftOut | None = {} if given.skip_broken else None
    pictures = image_files.headers(paths, left_out)
    with start.quiet_start():
        model: Any = ganzoo.load(given.model)
    to = model.check_domain(given.to)
    out = Path(given.out or f"{model.name}_{to}")
    how = given.pick("size", "longest", "strength", "tile", "batch_size", "sheet", "quiet")
    done = translating.translate_files(model, pictures, out, to=to, left_out=left_out, **how)
    text = f"{model.name}: {_counted(len(done.files))} as {to} in {out}"
    if given.sheet is not None:
        text += f"\n{given.sheet} shows {done.sheet_pairs} of them beside their originals"
    return Answer(
        text,
        {
            "model": model.name,
            "to": to,
            "longest": model.check_made_for() if given.longest == "auto" else given.longest,
            **given.pick("size", "strength", "tile", "sheet"),
            "files": [image_files.printable(file) for file in done.files.values()],
            "sources": [image_files.printable(source) for source in done.files],
            "left_out": [image_files.printable(path) for path in paths if path not in done.files],
        },
    )


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def check_sizes(size: int | None, longest: int | str | None) -> None:
    """Refuse --size together with --longest.

    Raises:
      UsageError: both are given.
    """
    if size is not None and longest is not None:
        raise UsageError("--size, --longest: expected one of them (--size crops a square, --longest keeps the aspect)")


def check_places(out: str | None, sheet: str | None) -> None:
    """Check --out and --sheet before any work.

    Raises:
      UsageError: `out` is a file, or `sheet` is not a PNG.
    """
    if out is not None and not Path(out).is_dir():
        if Path(out).exists():
            raise UsageError(f"--out: expected a folder, got the file '{out}' (each image becomes a file in DIR)")
        if not out.endswith("/") and Path(out).suffix.lower() in (".jpeg", ".jpg", ".png"):
            raise UsageError(
                f"--out: expected DIR, got '{out}' (each image becomes a file in it; --sheet takes FILE.png)"
            )
    if sheet is not None and not sheet.lower().endswith(".png"):
        raise UsageError(f"--sheet: expected FILE.png, got '{sheet}'")


main = Command("translate", __doc__, FLAGS, work, usage="[flags] FILES…", max_arguments=sys.maxsize).run
