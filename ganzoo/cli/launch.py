"""Start the workers of a training on this machine, or one of them in a pod of a Kubernetes job.

The command follows `--`. Each worker gets TF_CONFIG in its environment, and --strategy multiworker makes use of it.
When a worker fails the others are stopped, and its exit code is the launcher's; Ctrl-C goes to all of them.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

from ganzoo.cli import _flags
from ganzoo.cli.base import Answer, Command, asks_for_help
from ganzoo.errors import UsageError
from ganzoo.training.launch import join_job, launch

EXAMPLE = "ganzoo launch --workers 2 -- ganzoo train --model cgan --strategy multiworker"

FLAGS = {
    "Where": (
        _flags.whole("workers", "processes to start on this machine", at_least=1),
        _flags.switch("kubernetes", "become the worker of this pod, as docs/kubernetes/train_job.yaml shows"),
    ),
    "How": (
        _flags.number(
            "grace", "SECONDS", "how long a worker may take to end before it is killed", above=0, default=30.0
        ),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    own, command = _split(sys.argv[1:] if argv is None else argv)
    return Command(
        name="launch",
        about=__doc__,
        usage="(--workers N | --kubernetes) [flags] -- COMMAND …",
        flags=FLAGS,
        work=lambda given: work(given, command),
    ).run(own)


def work(given: SimpleNamespace, command: list[str]) -> Answer:
    """Starts the workers and waits for them, or becomes one.

    Args:
      given: the launcher's own flags.
      command: what each worker runs.
    """
    if not command:
        raise UsageError(f"no command: it follows --, as in: {EXAMPLE}")
    if given.kubernetes and (given.workers is not None or given.json):
        other = "--json" if given.json else "--workers"
        raise UsageError(f"--kubernetes: does not go with {other} (this process becomes the command, as one worker)")
    if given.kubernetes:
        join_job(command)
    if given.workers is None:
        raise UsageError("--workers is missing: for example --workers 2 (in a pod of a Kubernetes job: --kubernetes)")
    code = launch(command, given.workers, grace=given.grace)
    text = "every worker is done" if code == 0 else f"a worker ended with exit code {code}"
    return Answer(text, {"workers": given.workers, "code": code}, code=code)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The launcher's own arguments, and the command after the first `--`."""
    if "--" in arguments:
        cut = arguments.index("--")
        return arguments[:cut], arguments[cut + 1 :]
    # Where `--` was forgotten, the command's flags would be refused as ours: that no command is given says it better.
    return (arguments if asks_for_help(arguments) else []), []
