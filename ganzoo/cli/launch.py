"""Start the workers of a training on this machine, or one of them in a pod of a Kubernetes job.

The workers' command follows `--`. Each worker gets TF_CONFIG in its environment, for --strategy multiworker. When one
worker fails, the others are stopped and the launcher exits with its code. Ctrl-C goes to all workers.
"""

from __future__ import annotations

import sys

from ganzoo.cli import _flags
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command, asks_for_help
from ganzoo.errors import UsageError
from ganzoo.training.launch import join_job, launch

EXAMPLE = "ganzoo launch --workers 2 -- ganzoo train --model cgan --strategy multiworker"

FLAGS = {
    "Where": (
        _flags.whole("workers", "Number of workers to start on this machine", at_least=1),
        _flags.switch("kubernetes", "Run the worker of this pod, as docs/kubernetes/train_job.yaml shows"),
    ),
    "How": (_flags.number("grace", "SECONDS", "Time for a worker to end before it is killed", above=0, default=30.0),),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    own, command = _split(sys.argv[1:] if argv is None else argv)
    usage = "(--workers N | --kubernetes) [flags] -- COMMAND …"
    return Command("launch", __doc__, FLAGS, lambda given: work(given, command), usage).run(own)


def work(given: Given, command: list[str]) -> Answer:
    """Start the workers and wait for them, or become one.

    Args:
      given: values of the launcher's flags.
      command: command of each worker.
    """
    if not command:
        raise UsageError(f"expected a command after --, got none (for example: {EXAMPLE})")
    if given.kubernetes and (given.workers is not None or given.json):
        other = "--json" if given.json else "--workers"
        raise UsageError(f"--kubernetes: does not go with {other} (this process becomes one worker)")
    if given.kubernetes:
        join_job(command)
    if given.workers is None:
        raise UsageError("--workers is missing: for example --workers 2 (in a pod of a Kubernetes job: --kubernetes)")
    code = launch(command, given.workers, grace=given.grace)
    text = "all workers are done" if code == 0 else f"a worker ended with exit code {code}"
    return Answer(text, {"workers": given.workers, "code": code}, code=code)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split the arguments at the first `--` into the launcher's own and the workers' command."""
    if "--" in arguments:
        cut = arguments.index("--")
        return arguments[:cut], arguments[cut + 1 :]
    # Without `--`, the command's flags would be refused as unknown; "got none" is the better message.
    return (arguments if asks_for_help(arguments) else []), []
