"""Measure how near generated images are to real ones: a model of the zoo, a run, an export, or two folders.

The feature extractor is part of every metric's name (fid_mnist_cnn): figures of different extractors, numbers of
samples or real images do not compare.
"""

from __future__ import annotations

import os
from types import SimpleNamespace

from ganzoo import files
from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError
from ganzoo.training.progress import note_unless

FLAGS = {
    "What": (
        _flags.text("model", "NAME|RUN|EXPORT", "a model of the zoo, the directory of a run, or of an export"),
        _flags.text("to", "DOMAIN", "of a model that translates: which domain (default: the first that it makes)"),
        _flags.text("fake", "folder:PATH", "judge these images instead of a model's"),
        _flags.text("real", "NAME|folder:PATH", "compare with these (default: the data that the model trains on)"),
        _flags.text("step", "last|best|N", "of a run: which checkpoint", "last"),
    ),
    "How": (
        _flags.names(
            "metrics",
            "fid,kid",
            "names (default: fid,kid,precision,recall,density,coverage, or those that are made for translations)",
        ),
        _flags.text("features", "NAME", "the feature extractor (default: one that fits the data)"),
        _flags.switch("list", "list all metrics and feature extractors, and do nothing else"),
        _flags.whole(
            "num_samples",
            "how many to draw or translate, and how many real ones to draw them against, at most (default: 10000, "
            "folders whole)",
            at_least=2,
        ),
        _flags.whole("seed", "of the samples and of what metrics draw", at_least=0, default=0),
        _flags.number("truncation", "T", "up to 1: smaller is more typical and less varied", above=0, default=1.0),
        _flags.whole(
            "size",
            "crop and resize images of folders to this side, for translations the real ones (default: as the model's)",
            at_least=1,
        ),
        _flags.text("data_dir", "DIR", "where the data sets are, prepared by TensorFlow Datasets or as plain folders"),
    ),
    "Looking closer": (
        _flags.switch("speed", "measure images/s of --features against a plain loop, and do nothing else"),
        _flags.text("sheet", "FILE.png", "draw the best samples by realism (upper half) and the worst (lower half)"),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Evaluates, and draws the sheet if it is asked for."""
    if given.list:
        return _list()
    if given.speed:
        return _speed(given.features)
    if (given.model is None) == (given.fake is None):
        raise UsageError("give --model NAME (a zoo model, a run, an export) or --fake folder:PATH, one of them")
    if given.fake is not None and given.real is None:
        raise UsageError("--real is missing: --fake is compared with it (--real folder:PATH)")
    if given.sheet is not None and not given.sheet.lower().endswith(".png"):
        raise UsageError(f"--sheet={given.sheet}: not FILE.png")
    if given.sheet is not None:
        files.check_writable(given.sheet)  # before the work
    _tensorflow.import_quietly()
    from ganzoo.judging import evaluate

    found = evaluate(
        given.model if given.model is not None else _folder(given.fake),
        given.metrics,
        given.num_samples,
        to=given.to,
        real=given.real and _folder(given.real),
        features=given.features,
        step=int(given.step) if given.step.isdigit() else given.step,
        seed=given.seed,
        truncation=given.truncation,
        size=given.size,
        data_dir=given.data_dir,
        note=note_unless(given.quiet),
    )
    text = found.describe()
    if given.sheet is not None:
        from ganzoo.evaluation.realism import draw_extremes

        draw_extremes(found, given.sheet)
        text += f"\n\nthe best and the worst by realism are in {given.sheet}"
    brief = "\n".join(f"{name} {value:.6g}" for name, value in found.items())
    return Answer(text, found.to_dict(), brief=brief)


def _folder(name: str) -> str:
    """A bare directory as `folder:PATH`; any other name as it is."""
    return f"folder:{name}" if os.path.isdir(name) else name


def _list() -> Answer:
    _tensorflow.import_quietly()
    from ganzoo.evaluation.extractors import extractor
    from ganzoo.evaluation.metrics.metric import all_metrics

    metrics = {name: metric.names[name] for name, metric in all_metrics().items()}
    rows = [f"  {name:<24} {better} is better" for name, better in metrics.items()]
    extractors = extractor.names()
    text = "\n".join(["metrics:", *rows, "feature extractors:", *(f"  {name}" for name in extractors)])
    return Answer(text, {"metrics": metrics, "features": extractors}, brief=text)


def _speed(features: str | None) -> Answer:
    if features is None:
        raise UsageError("--features is missing: whose speed? (`ganzoo evaluate --list` lists them)")
    _tensorflow.import_quietly()
    from ganzoo.evaluation.speed import measure

    found = measure(features)
    return Answer(found.describe(), found.to_dict(), brief=found.describe())


COMMAND = Command(
    name="evaluate",
    about=__doc__,
    usage="--model NAME|RUN|EXPORT [flags]   or: --real folder:A --fake folder:B [flags]",
    flags=FLAGS,
    work=work,
)
