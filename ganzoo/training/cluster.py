"""Workers of a distributed training: TF_CONFIG, checked before TensorFlow reads it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.errors import UsageError

_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
_PATTERN = "ganzoo-train-{index}.ganzoo-train:2222"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]{}]+):(\d{1,5})")


@dataclass(frozen=True)
class Cluster:
    """Workers of a training, and the index of this one.

    Attributes:
      workers: `host:port` of each worker.
      index: index of this process, from 0.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def size(self) -> int:
        """Number of workers."""
        return len(self.workers)


def read_cluster(environ: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return the cluster that TF_CONFIG describes, or None if it is not set.

    Raises:
      UsageError: TF_CONFIG is not a list of workers and the index of this one.
    """
    text = environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        told = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(f"not JSON ({error.msg} at character {error.pos + 1})") from None
    if not isinstance(told, dict):
        raise _wrong(f"expected a mapping, got {_shown(told)}")
    workers = _workers(told.get("cluster"))
    return Cluster(workers, _index(told.get("task"), len(workers)))


def tf_config(workers: Sequence[str], index: int) -> str:
    """Return the value of TF_CONFIG for one worker.

    Args:
      workers: `host:port` of each worker.
      index: index of the worker that receives the value, from 0.
    """
    return json.dumps({"cluster": {"worker": list(workers)}, "task": {"type": "worker", "index": index}})


def indexed_job_cluster(environ: Mapping[str, str] = os.environ) -> Cluster:
    """Return the cluster of an indexed Kubernetes job, from the environment of one of its pods.

    Args:
      environ: variables JOB_COMPLETION_INDEX (set by Kubernetes), GANZOO_WORKERS (number of pods of the job) and
        GANZOO_WORKER_HOST (address of each pod, with `{index}` in place of its number).

    Raises:
      UsageError: one of the variables is missing or wrong.
    """
    index = _whole(environ, "JOB_COMPLETION_INDEX", 0, "Kubernetes sets it in a job with completionMode: Indexed")
    size = _whole(environ, "GANZOO_WORKERS", 1, "set it to the completions of the job")
    pattern = environ.get("GANZOO_WORKER_HOST", "")
    workers = tuple(pattern.replace("{index}", str(worker)) for worker in range(size))
    if not pattern:
        raise UsageError(f"GANZOO_WORKER_HOST is not set (set it to the address of the workers, such as {_PATTERN})")
    if "{index}" not in pattern or not all(map(_is_address, workers)):
        raise UsageError(
            f"GANZOO_WORKER_HOST: expected host:port with {{index}} in it, such as {_PATTERN}, got {_shown(pattern)}"
        )
    if index >= size:
        raise UsageError(
            f"JOB_COMPLETION_INDEX: expected less than GANZOO_WORKERS, {size}, got {index} "
            "(set GANZOO_WORKERS to the completions of the job)"
        )
    return Cluster(workers, index)


def _workers(cluster: Any) -> tuple[str, ...]:
    if not isinstance(cluster, dict) or not cluster:
        raise _wrong("cluster.worker is missing")
    for job in cluster:
        if job != "worker":
            raise _workers_only(f"cluster.{job}")
    workers = cluster["worker"]
    if not isinstance(workers, list) or not workers:
        raise _wrong(f"cluster.worker: expected a list of addresses, got {_shown(workers)}")
    for number, worker in enumerate(workers):
        if not isinstance(worker, str) or not _is_address(worker):
            raise _wrong(f"cluster.worker: expected host:port, got {_shown(worker)}")
        if worker in workers[:number]:
            raise _wrong(f"cluster.worker: {_shown(worker)} is listed twice")
    return tuple(workers)


def _index(task: Any, size: int) -> int:
    if not isinstance(task, dict):
        raise _wrong("task is missing: it tells which of the workers this one is")
    if "type" not in task:
        raise _wrong("task.type is missing")
    if task["type"] != "worker":
        raise _workers_only(f"task.type {_shown(task['type'])}")
    if "index" not in task:
        raise _wrong("task.index is missing: it tells which of the workers this one is")
    index = task["index"]
    if not isinstance(index, int) or isinstance(index, bool):
        raise _wrong(f"task.index: expected an integer, got {_shown(index)}")
    if not 0 <= index < size:
        raise _wrong(f"task.index: expected 0 to {size - 1}, as cluster.worker has {size} entries, got {index}")
    return index


def _whole(environ: Mapping[str, str], name: str, least: int, mend: str) -> int:
    text = environ.get(name, "")
    if not text:
        raise UsageError(f"{name} is not set ({mend})")
    if not re.fullmatch(r"[0-9]+", text) or int(text) < least:
        raise UsageError(f"{name}: expected an integer of at least {least}, got {_shown(text)} ({mend})")
    return int(text)


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 < int(match[2]) < 65536


def _shown(value: Any) -> str:
    """Format a value as JSON, on one short line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _wrong(what: str) -> UsageError:
    return UsageError(f"TF_CONFIG: {what} (write it like {_EXAMPLE})")


def _workers_only(what: str) -> UsageError:
    return UsageError(
        f'TF_CONFIG: {what}: only workers are supported (list all under "worker"; the first of them is the chief)'
    )
