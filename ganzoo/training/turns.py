"""Contestant's side of a contest (see `contest`): get ready, then run the steps of a turn on each request.

The protocol is JSON lines. Standard output has `{"ready": {…}}` once, then an answer to each request. Requests arrive
on standard input: `{"turn": {"steps": 50}}` and, last, `{"finish": {}}`. This module imports only the standard library,
which keeps memory figures comparable.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from ganzoo.core.hardware import peak_memory_gib
from ganzoo.errors import GanzooError

Reply = dict[str, Any]
Turn = Callable[[int], Reply]


def serve(prepare: Callable[[], tuple[Reply, Turn]]) -> None:
    """Prepare, and run turns until the request to finish; exit at once if the parent process ends.

    Other output on standard output is redirected to standard error.

    Args:
      prepare: function that builds everything and runs the first step. It returns a description
        (`first_step_seconds`, `parameters`, `engine`, `made_with`; see `contest.Measured`), and a function that makes
        the given number of steps and returns `images_per_second` and `step_seconds` (as `timed` does).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        requests: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(requests,), daemon=True).start()
        try:
            about, turn = prepare()
            _say(answers, {"ready": about})
            while "turn" in (request := requests.get()):
                _say(answers, turn(request["turn"]["steps"]))
            _say(answers, {"peak_memory_gib": peak_memory_gib()})
        except GanzooError as error:
            _say(answers, {"error": str(error)})
            sys.exit(2)


def timed(call: Callable[[], object], steps: int, batch_size: int, steps_a_call: int = 1) -> Reply:
    """Run at least `steps` steps, and read the clock after each call.

    Args:
      call: function that runs `steps_a_call` steps and waits for them.
      steps: number of steps; the last call may run more.
      batch_size: images in a step.
      steps_a_call: number of steps in a call.
    """
    marks = [time.perf_counter()]
    for _ in range(-(-steps // steps_a_call)):
        call()
        marks.append(time.perf_counter())
    seconds = [(after - before) / steps_a_call for before, after in itertools.pairwise(marks)]
    return {"images_per_second": batch_size * len(seconds) / sum(seconds), "step_seconds": seconds}


def _say(answers: TextIO, reply: Reply) -> None:
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def _listen(requests: queue.SimpleQueue[Reply]) -> None:
    """Read requests while the main thread works; unbuffered, as a buffer's lock would block the interpreter's exit."""
    with open(0, "rb", buffering=0, closefd=False) as lines:
        for line in lines:
            requests.put(json.loads(line))
            if "finish" in json.loads(line):
                return
    os._exit(1)
