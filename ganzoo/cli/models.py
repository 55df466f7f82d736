"""List the models of the zoo, or show the config or card of one."""

from __future__ import annotations

import shutil

import ganzoo
from ganzoo.cli import _flags
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError
from ganzoo.zoo import catalog

FLAGS = {
    "Which models": (
        _flags.text("task", "TASK", "List only models of this task, such as image_generation"),
        _flags.switch("pretrained", "List only models with trained weights (--nopretrained: without)", default=None),
    ),
    "One model": (
        _flags.text("model", "NAME", "Zoo model whose config to show as YAML (--model itself may be omitted)"),
        _flags.switch("card", "Show the card with the measured numbers instead of the config"),
    ),
}

COLUMNS = ("name", "task", "scheme", "weights", "summary")


def work(given: Given) -> Answer:
    """List the zoo, or show one model."""
    name = given.arguments[0] if given.arguments else given.model
    if given.arguments and given.model:
        raise UsageError(f"--model: expected one model, got '{name}' and '{given.model}' (give one at a time)")
    if name is not None:
        return _one(name, given)
    if given.card:
        raise UsageError("--card: expected the NAME of a model, got none (for example: ganzoo models cgan --card)")
    return _all(given.task, given.pretrained)


def _one(name: str, given: Given) -> Answer:
    if given.task is not None or given.pretrained is not None:
        raise UsageError(f"--task, --pretrained: expected no model, got {name} (they filter the list)")
    if given.card:
        card = ganzoo.card(name)
        return Answer(str(card), card.to_dict(), brief=str(card))
    config = ganzoo.config(name)
    return Answer(config.to_yaml().rstrip(), config.to_dict(), brief=config.to_yaml().rstrip())


def _all(task: str | None, pretrained: bool | None) -> Answer:
    names = ganzoo.list_models(task=task, pretrained=pretrained)
    rows = [_row(name) for name in names]
    # Lines for a pipe or a file are not cut.
    width = shutil.get_terminal_size(fallback=(10_000, 0)).columns
    return Answer(table(rows, width), rows, brief="\n".join(names))


def _row(name: str) -> dict[str, str | bool]:
    config = ganzoo.config(name)
    return {
        "name": name,
        "task": config.task,
        "scheme": config.model.scheme,
        "weights": catalog.has_weights(name),
        "summary": config.summary,
    }


def table(rows: list[dict[str, str | bool]], width: int) -> str:
    """Format aligned columns with a header; lines are cut at the width."""
    lines = [[name.upper() for name in COLUMNS], *([_word(row[name]) for name in COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join(line if len(line) <= width else f"{line[: width - 1].rstrip()}…" for line in padded)


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"


main = Command("models", __doc__, FLAGS, work, usage="[NAME] [flags]", max_arguments=1).run
