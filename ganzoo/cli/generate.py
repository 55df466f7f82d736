"""Draw images (or points) with a model of the zoo or one that you have trained.

Image i of a seed is always the same one, drawn alone or among others; each PNG carries what it was made from.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from ganzoo import zoo
from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError
from ganzoo.models import rows

if TYPE_CHECKING:
    import numpy as np

IMAGES_A_CLASS = 10
IMAGES_WITHOUT_CLASSES = 64
POINTS = 1000
WIDEST_SHEET = 20

FLAGS = {
    "Model": (_flags.text("model", "NAME|RUN|FILE", "a model of the zoo, or the directory of a run", "cgan_mnist"),),
    "What to draw": (
        _flags.whole("n", "how many (default: the number of labels, or 10 a class, or 64; 1000 points)", at_least=1),
        _flags.names(
            "labels",
            "3,3,7",
            "their classes by number or by name (cat,dog), over again up to --n (default: all classes in turn)",
        ),
        _flags.whole("seed", "the same seed draws the same images", at_least=0, default=0),
        _flags.number("truncation", "T", "up to 1: smaller is more typical and less varied", above=0, default=1.0),
    ),
    "Where to": (
        _flags.text(
            "out",
            "FILE.png|DIR/",
            "a sheet, or a folder of single images (default: MODEL_SEED.png); "
            "points: a plot of their first two columns, or FILE.csv",
        ),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Loads the model, draws, and writes the files."""
    form_of(given.out)  # before a model is loaded
    config = zoo.config(given.model)
    if config.translates:
        raise UsageError(
            f"{given.model}: translates images and draws none (ganzoo translate --model {given.model} FILES)"
        )
    names = config.dataset.class_names
    rows.by_number(config.name, given.labels, names)  # what is wrong with them is said before a model is loaded
    _tensorflow.import_quietly()
    model: Any = zoo.load(given.model)
    points = len(model.generator.output_shape) == 2
    return draw(given, model, model.name, points=points, classes=model.classes, class_names=names)


class Drawing(Protocol):
    """What a model and a client have in common."""

    name: str

    def generate(self, n: int, labels: list[int] | None, seed: int, truncation: float) -> np.ndarray: ...


def draw(
    given: SimpleNamespace,
    model: Drawing,
    said: str,
    *,
    points: bool,
    classes: int,
    class_names: Sequence[str] = (),
) -> Answer:
    """Draws what the flags ask for and writes the files.

    Args:
      given: the flags.
      model: that draws.
      said: of it to people.
      points: whether it draws points, and no images.
      classes: of the labels, needed where --labels gives none.
      class_names: by which --labels may name them.

    Raises:
      UsageError: --out or --labels does not suit the model.
    """
    form = form_of(given.out)
    if form == ("" if points else ".csv"):
        raise UsageError(f"--out={given.out}: {model.name} writes FILE.png or {'FILE.csv' if points else 'DIR/'}")
    labels = labels_of(rows.by_number(model.name, given.labels, class_names), given.n, classes)
    n = len(labels) if labels else given.n or (POINTS if points else IMAGES_WITHOUT_CLASSES)
    drawn = model.generate(n, labels=labels, seed=given.seed, truncation=given.truncation)
    origin = {"model": model.name, "seed": str(given.seed), "truncation": f"{given.truncation:g}"}
    out = Path(given.out or f"{model.name}_{given.seed}.png")
    columns = min(classes, WIDEST_SHEET) if classes and not given.labels else None  # a column a class
    files = [write_one(out, drawn, labels, origin, columns)] if form else write_each(out, drawn, labels, origin)
    return Answer(
        f"{said}: {n} {'points' if points else 'images'} of seed {given.seed} are in {out}",
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
    """What --out asks for: `.png`, `.csv`, or the empty string for a folder.

    Raises:
      UsageError: another kind of file.
    """
    if out is None:
        return ".png"
    path = Path(out)
    suffix = "" if out.endswith("/") or path.is_dir() else path.suffix.lower()
    if suffix not in ("", ".png", ".csv"):
        raise UsageError(f"--out={out}: not FILE.png, FILE.csv or DIR/")
    return suffix


def labels_of(asked: list[int] | None, n: int | None, classes: int) -> list[int] | None:
    """The label of each image: those that were asked for, or all classes, over again up to n; None without classes.

    Raises:
      UsageError: more labels than images.
    """
    if asked is None and classes == 0:
        return None
    turn = list(range(classes)) if asked is None else asked
    n = n or (len(turn) if asked else IMAGES_A_CLASS * classes)
    if asked and n < len(asked):
        raise UsageError(f"--n={n}: fewer than the {len(asked)} labels of --labels (leave out --n)")
    return list(islice(cycle(turn), n))


def write_each(folder: Path, drawn: np.ndarray, labels: list[int] | None, origin: dict[str, str]) -> list[Path]:
    """One PNG an image, named by its position."""
    from ganzoo import images

    files = []
    for position, image in enumerate(drawn):
        label = {"label": str(labels[position])} if labels else {}
        files.append(folder / f"image_{position:06d}.png")
        images.write_png(files[-1], image, {**origin, "position": str(position), **label})
    return files


def write_one(
    path: Path, drawn: np.ndarray, labels: list[int] | None, origin: dict[str, str], columns: int | None
) -> Path:
    """A sheet of images, a plot of points, or their numbers."""
    from ganzoo import figures, files, images

    metadata = {**origin, "positions": f"0-{len(drawn) - 1}"}
    if labels:
        metadata["labels"] = ",".join(map(str, labels))
    if path.suffix.lower() == ".csv":
        files.write_bytes(path, _csv(drawn))
    elif drawn.ndim == 4:
        images.write_png(path, figures.sheet(drawn, columns), metadata)
    else:
        images.write_png(path, figures.points(drawn, title=origin["model"]), metadata)
    return path


def _csv(points: np.ndarray) -> bytes:
    import numpy as np

    text = io.StringIO()
    header = ",".join(f"x{column}" for column in range(points.shape[1]))
    # Nine digits are enough to read a float32 back exactly.
    np.savetxt(text, points, fmt="%.9g", delimiter=",", header=header, comments="")
    return text.getvalue().encode()


COMMAND = Command(
    name="generate",
    about=__doc__,
    usage="[--model NAME|RUN|FILE] [flags]",
    flags=FLAGS,
    work=work,
)
