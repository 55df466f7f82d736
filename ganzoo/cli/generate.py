"""Draw samples with a model of the zoo or one that you have trained.

Image i of a seed is always the same, whatever the number of images. Each PNG records what it was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import ganzoo
from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.core import start
from ganzoo.data import kinds
from ganzoo.errors import UsageError
from ganzoo.models import rows

if TYPE_CHECKING:
    import numpy as np

    from ganzoo.data.kinds import Kind

IMAGES_A_CLASS = 10
WIDEST_SHEET = 20

FLAGS = {
    "Model": (_shared.MODEL.but(default="cgan_mnist"),),
    "What to draw": (_shared.N, _shared.LABELS, _shared.SEED.but(default=0), _shared.TRUNCATION),
    "Where to": (
        _flags.text(
            "out",
            "FILE.png|DIR/",
            "Sheet, or folder of single images (default: MODEL_SEED.png); for points, tables and sequences a plot, or "
            "their numbers in FILE.csv or FILE.npy",
        ),
    ),
}


def work(given: Given) -> Answer:
    """Load the model, draw samples, and write the files."""
    form_of(given.out)
    config = ganzoo.config(given.model)
    if not config.offers("generate"):
        raise UsageError(
            f"{given.model}: translates images and draws none (use ganzoo translate --model {given.model} FILES)"
        )
    names, classes = config.dataset.class_names, config.dataset.classes
    labels = labels_of(rows.by_number(config.name, given.labels, names), given.n, 0)  # before the model is loaded
    if labels is not None and classes:
        rows.check_labels(config.name, classes, labels, len(labels))
    check_form(given.out, kinds.of(config.dataset), config.name)
    with start.quiet_start():
        model: Any = ganzoo.load(given.model)
    return draw(given, model, model.name, kind=model.kind, classes=model.classes, class_names=names)


class Drawing(Protocol):
    """Interface that models and clients share."""

    name: str

    def generate(self, n: int, labels: list[int] | None, seed: int, truncation: float) -> np.ndarray: ...


def draw(
    given: Given, model: Drawing, said: str, *, kind: Kind, classes: int, class_names: Sequence[str] | None
) -> Answer:
    """Draw samples as the flags say, and write the files.

    Args:
      given: values of the flags.
      model: model or client that draws.
      said: name of the model in the answer.
      kind: data kind of the samples.
      classes: number of classes; not used if --labels is given.
      class_names: class names that --labels may use; None if they are unknown.

    Raises:
      UsageError: --out or --labels does not suit the model.
    """
    form = check_form(given.out, kind, model.name)
    labels = labels_of(rows.by_number(model.name, given.labels, class_names), given.n, classes)
    n = len(labels) if labels else given.n or kind.default_count
    drawn = model.generate(n, labels=labels, seed=given.seed, truncation=given.truncation)
    origin = {"model": model.name, "seed": str(given.seed), "truncation": f"{given.truncation:g}"}
    out = Path(given.out or f"{model.name}_{given.seed}.png")
    columns = min(classes, WIDEST_SHEET) if classes and not given.labels else None  # one column per class
    captions = [class_names[label] for label in labels] if labels and class_names else []
    files = (
        [write_one(out, drawn, kind, labels, origin, columns, captions)]
        if form
        else write_each(out, drawn, labels, origin)
    )
    return Answer(
        f"{said}: {n} {kind.plural} of seed {given.seed} are in {out}",
        {
            "model": model.name,
            "n": n,
            "seed": given.seed,
            "truncation": given.truncation,
            "labels": labels,
            "files": [str(file) for file in files],
        },
    )


def form_of(out: str | None) -> str:
    """Return the form of output: `.png`, `.csv`, `.npy`, or the empty string for a folder.

    Raises:
      UsageError: `out` is another kind of file.
    """
    if out is None:
        return ".png"
    path = Path(out)
    suffix = "" if out.endswith("/") or path.is_dir() else path.suffix.lower()
    if suffix not in ("", ".png", ".csv", ".npy"):
        raise UsageError(f"--out: expected FILE.png, FILE.csv, FILE.npy or DIR/, got '{out}'")
    return suffix


def check_form(out: str | None, kind: Kind, name: str) -> str:
    """Return the form of output, for a model of that kind of data.

    Raises:
      UsageError: samples of the kind cannot be written in that form.
    """
    form = form_of(out)
    if form not in kind.suffixes:
        *first, last = (f"FILE{suffix}" if suffix else "DIR/" for suffix in kind.suffixes)
        raise UsageError(f"--out: expected {', '.join(first)} or {last} for {name}, got '{out}'")
    return form


def labels_of(asked: list[int] | None, n: int | None, classes: int) -> list[int] | None:
    """Return the label of each image: those given, or all classes, repeated up to n; None without classes.

    Raises:
      UsageError: more labels than images.
    """
    if asked is None and classes == 0:
        return None
    turn = list(range(classes)) if asked is None else asked
    n = n or (len(turn) if asked else IMAGES_A_CLASS * classes)
    if asked and n < len(asked):
        raise UsageError(f"--n: expected at least {len(asked)}, the number of --labels, got {n} (leave out --n)")
    return list(islice(cycle(turn), n))


def write_each(folder: Path, drawn: np.ndarray, labels: list[int] | None, origin: dict[str, str]) -> list[Path]:
    """Write each image to a PNG named after its position."""
    from ganzoo.core import images

    files = []
    for position, image in enumerate(drawn):
        label = {"label": str(labels[position])} if labels else {}
        files.append(folder / f"image_{position:06d}.png")
        images.write_png(files[-1], image, {**origin, "position": str(position), **label})
    return files


def write_one(
    path: Path,
    drawn: np.ndarray,
    kind: Kind,
    labels: list[int] | None,
    origin: dict[str, str],
    columns: int | None,
    captions: Sequence[str],
) -> Path:
    """Write all samples to one file: a sheet of images under their class names, a plot, or the numbers."""
    from ganzoo.core import files, images

    metadata = {**origin, "positions": f"0-{len(drawn) - 1}"}
    if labels:
        metadata["labels"] = ",".join(map(str, labels))
    if path.suffix.lower() == ".png":
        images.write_png(path, kind.draw(drawn, columns=columns, title=origin["model"], captions=captions), metadata)
    else:
        files.write_bytes(path, kind.encode(drawn, path.suffix.lower()))
    return path


main = Command("generate", __doc__, FLAGS, work).run
