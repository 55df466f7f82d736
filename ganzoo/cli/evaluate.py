"""Measure how close generated images are to real ones: a zoo model, a run, an export, or two folders.

Metrics are named with their feature extractor (fid_mnist_cnn). Compare figures only if extractor, number of samples
and real images are the same.
"""

from __future__ import annotations

import os

import ganzoo
from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.core import files, start
from ganzoo.errors import UsageError
from ganzoo.registry import of
from ganzoo.training.progress import note_unless

FLAGS = {
    "What": (
        _shared.MODEL.but(
            value="NAME|FILE|RUN|EXPORT", help="Zoo model, YAML config, run directory or directory of an export"
        ),
        _shared.TO,
        _flags.text("fake", "folder:PATH", "Images to evaluate instead of a model's"),
        _flags.text(
            "real", "NAME|folder:PATH", "Real examples to compare with (default: the training data of the model)"
        ),
        _flags.text("step", "last|best|N", "Checkpoint of a run", "last"),
    ),
    "How": (
        _flags.names(
            "metrics",
            "fid,kid",
            "Metrics to compute (default: fid,kid,precision,recall,density,coverage, or those for translations)",
        ),
        _flags.text("features", "NAME", "Feature extractor (default: one that fits the data)"),
        _flags.switch("list", "List all metrics and feature extractors, and exit"),
        _flags.whole(
            "num_samples",
            "Number of samples or translations, and largest number of real examples (default: 10000, whole folders)",
            at_least=2,
        ),
        _shared.SEED.but(default=0),
        _shared.TRUNCATION,
        _shared.SIZE.but(
            help="Side to which images of folders are cropped and resized; for translations, that of the real images "
            "(default: the model's size)"
        ),
        _flags.switch(
            "thorough",
            "As for a card: also compute standard errors, and compare with held-out examples, the generated as well as "
            "real training examples",
        ),
        _shared.DATA_DIR,
    ),
    "Looking closer": (
        _flags.switch("speed", "Measure the speed of --features against a plain loop, and exit"),
        _flags.text(
            "sheet", "FILE.png", "Sheet of the best samples by realism (upper half) and the worst (lower half)"
        ),
    ),
}


def work(given: Given) -> Answer:
    """Evaluate, and draw the sheet if requested."""
    if given.list:
        return _list()
    if given.speed:
        return _speed(given.features)
    if (given.model is None) == (given.fake is None):
        raise UsageError("expected either --model NAME (a zoo model, a run, an export) or --fake folder:PATH")
    if given.fake is not None and given.real is None:
        raise UsageError("--real is missing: real examples to compare --fake with (--real folder:PATH)")
    if given.sheet is not None and not given.sheet.lower().endswith(".png"):
        raise UsageError(f"--sheet: expected FILE.png, got '{given.sheet}'")
    if given.sheet is not None:
        files.check_writable(given.sheet)  # before the work
    fake, real = given.model or _folder(given.fake), given.real and _folder(given.real)
    found = ganzoo.evaluate(
        fake,
        real=real,
        step=int(given.step) if given.step.isdigit() else given.step,
        note=note_unless(given.quiet),
        **given.pick("metrics", "num_samples", "to", "features", "seed", "truncation", "size", "thorough", "data_dir"),
    )
    text = found.describe()
    if given.sheet is not None:
        from ganzoo.evaluation.realism import draw_extremes

        draw_extremes(found, given.sheet)
        text += f"\n\nthe best and the worst by realism are in {given.sheet}"
    brief = "\n".join(f"{name} {value:.6g}" for name, value in found.items())
    return Answer(text, found.to_dict(), brief=brief)


def _folder(name: str) -> str:
    """Return a bare directory as `folder:PATH`, and any other name unchanged."""
    return f"folder:{name}" if os.path.isdir(name) else name


def _list() -> Answer:
    start.import_quietly()
    from ganzoo.evaluation.extractors import extractor
    from ganzoo.evaluation.metrics.metric import all_metrics

    metrics = {name: metric.names[name] for name, metric in all_metrics().items()}
    rows = [f"  {name:<24} {better} is better" for name, better in metrics.items()]
    extractors = extractor.names()
    text = "\n".join(["metrics:", *rows, "feature extractors:", *(f"  {name}" for name in extractors)])
    return Answer(text, {"metrics": metrics, "features": extractors}, brief=text)


def _speed(features: str | None) -> Answer:
    if features is None:
        raise UsageError("--features is missing: feature extractor to measure (`ganzoo evaluate --list` lists them)")
    of("extractor").check(features)
    start.import_quietly()
    from ganzoo.evaluation.speed import measure

    found = measure(features)
    return Answer(found.describe(), found.to_dict(), brief=found.describe())


main = Command(
    "evaluate", __doc__, FLAGS, work, usage="--model MODEL [flags]   or: --real folder:A --fake folder:B [flags]"
).run
