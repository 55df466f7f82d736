"""What a training is refused for before TensorFlow starts."""

from __future__ import annotations

from pathlib import Path

from ganzoo.data.open import check_available
from ganzoo.errors import ConfigError, UsageError
from ganzoo.schema import Config
from ganzoo.schema.origins import check_names
from ganzoo.training.cluster import Cluster, read_cluster

STRATEGIES = ("auto", "none", "mirrored", "multiworker", "tpu")


def check_run(
    config: Config,
    *,
    data_dir: str | Path | None = None,
    strategy: str = "auto",
    logical_devices: int | None = None,
    deterministic: bool = False,
) -> None:
    """Refuse a training as far as this is possible without TensorFlow.

    Args:
      config: config with its overrides.
      data_dir, strategy, logical_devices, deterministic: as in `training.run.train`.

    Raises:
      ConfigError, DataError, UsageError: as in `training.run.train`.
    """
    check_names(config)
    check_engine(config, strategy, logical_devices, deterministic)
    check_available(config.dataset, data_dir=data_dir)  # last, as it may import TensorFlow Datasets


def check_engine(config: Config, strategy: str, logical_devices: int | None, deterministic: bool) -> Cluster | None:
    """Return the cluster that TF_CONFIG describes, after checking what needs no devices; see `engine.choose`.

    Raises:
      ConfigError, UsageError: as `engine.choose`.
    """
    if deterministic and config.training.xla == "on":
        raise ConfigError(
            f"{config.name}: training.xla: expected off or auto, got on (or leave out deterministic, --deterministic)"
        )
    cluster = read_cluster()
    kind, colon, devices = strategy.partition(":")
    if kind not in STRATEGIES or (colon and (kind != "mirrored" or not devices)):
        raise UsageError(f"strategy: expected one of {', '.join(STRATEGIES)} or mirrored:DEVICE,…, got {strategy!r}")
    if cluster is not None and cluster.size > 1 and kind in ("none", "mirrored"):
        raise UsageError(
            f"strategy {kind}: TF_CONFIG names {cluster.size} workers, which would train separately in one directory "
            "(leave out strategy, --strategy, or start one process without TF_CONFIG)"
        )
    if logical_devices is not None:
        if kind not in ("auto", "mirrored"):
            raise UsageError(f"logical_devices={logical_devices}: expected strategy mirrored, got {kind}")
        if cluster is not None and kind == "auto":
            raise UsageError(f"logical_devices={logical_devices}: not for the workers of TF_CONFIG (leave it out)")
        if logical_devices < 1:
            raise UsageError(f"logical_devices: expected 1 or more, got {logical_devices}")
    if kind == "multiworker" and cluster is None:
        raise UsageError(
            "strategy multiworker: TF_CONFIG is not set, which lists the workers "
            "(try it here: python tools/launch.py --workers 2 -- python tools/train.py …)"
        )
    return cluster
