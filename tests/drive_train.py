"""Trains in a process of its own, which dies where it is told to: `python drive_train.py '{"model": …, …}'`.

The keys are `model`, `workdir`, `overrides`, further arguments of `ganzoo.train` as `more`, and `kill`: `{"at":
"ganzoo.core.files:sync", "call": 7}` is SIGKILL instead of the seventh call of that function. With `"half": true` the
function is `pathlib:Path.write_bytes`, and half of the bytes get written. `"worker": 1` is for that worker of
several alone.
"""

import functools
import importlib
import itertools
import json
import os
import signal
import sys


def main(spec):
    if "kill" in spec:
        kill = dict(spec["kill"])
        if kill.pop("worker", None) in (
            None,
            json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index"),
        ):
            arm(**kill)
    import ganzoo

    ganzoo.train(spec["model"], spec["workdir"], spec["overrides"], quiet=True, **spec.get("more", {}))


def arm(at, call, half=False):
    module, _, name = at.partition(":")
    *owners, last = name.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    function, calls = getattr(owner, last), itertools.count(1)

    @functools.wraps(function)
    def deadly(*args, **kwargs):
        if next(calls) == call:
            if half:
                path, data = args
                function(path, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(owner, last, deadly)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
