"""Engine of a run: distribution strategy, threads, precision and XLA, chosen or checked, with reasons."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from ganzoo.compat import has_begun
from ganzoo.core.hardware import cores, cpu_flags
from ganzoo.data import kinds
from ganzoo.data.pipeline import Pipeline
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import ConfigError, UsageError, WorkerLostError
from ganzoo.models.build import build, scheme_of
from ganzoo.schema import Config
from ganzoo.training.checks import check_engine
from ganzoo.training.cluster import Cluster
from ganzoo.training.joining import join

PRECISIONS = ("float32", "bfloat16", "float16")
# errors of TensorFlow when another process is gone
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)
# bfloat16 against float32, images/s of whole steps on 2 cores with avx512_bf16: 1.4 times for the DCGANs; an MLP on
# points gained nothing, and its output has only three digits
CPUS_WITH_BFLOAT16 = ("amx_bf16", "avx512_bf16")
GPU_WITH_BFLOAT16 = (8, 0)  # compute capability


@dataclasses.dataclass(frozen=True)
class Engine:
    """Devices and precision of a run.

    Attributes:
      strategy: TensorFlow's distribution strategy; the default one for a single device.
      name: name of the strategy: `none`, `mirrored`, `multiworker` or `tpu`.
      precision: compute precision: `float32`, `bfloat16` or `float16`.
      xla: whether XLA compiles the training step.
      threads: number of CPU cores per operation; None for all, TensorFlow's default.
      reasons: human-readable reason for each choice.
      workers: number of processes.
      index: index of this process; 0 is the chief, which writes.
    """

    strategy: tf.distribute.Strategy
    name: str
    precision: str
    xla: bool
    threads: int | None
    reasons: dict[str, str]
    workers: int = 1
    index: int = 0

    @property
    def replicas(self) -> int:
        """Number of replicas that share a batch."""
        return self.strategy.num_replicas_in_sync

    @property
    def is_chief(self) -> bool:
        """Whether this process is the chief, which writes the run directory."""
        return self.index == 0

    def describe(self) -> str:
        """Format the choices and reasons as one line."""
        return "; ".join(self.reasons.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the log."""
        return {
            "strategy": self.name,
            "replicas": self.replicas,
            "workers": self.workers,
            "threads": self.threads,
            "precision": self.precision,
            "xla": self.xla,
        }

    def build(self, config: Config) -> SteppedModel:
        """Build and compile a model in the strategy's scope.

        Raises:
          ConfigError: as `models.build.build`, or the batch size does not divide by the replicas.
        """
        parts = self.replicas * config.training.accumulate
        if config.training.batch_size % parts:
            by = f"{self.replicas} replicas" + (
                f" x accumulate {parts // self.replicas}" if parts > self.replicas else ""
            )
            near = max(1, round(config.training.batch_size / parts)) * parts
            raise ConfigError(
                f"training.batch_size: {config.training.batch_size} does not divide by {by} (for example: {near})"
            )
        with self.scope():
            return build(config, precision=self.precision, xla=self.xla)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Create variables under the strategy inside this block."""
        with self.strategy.scope() if self.name != "none" else contextlib.nullcontext():
            yield

    def batches(self, pipeline: Pipeline, first_batch: int) -> Any:
        """Return the global batches from `first_batch` on, with each replica's share of the rows."""
        if self.name == "none":
            return pipeline.dataset(first_batch)

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            replicas = self.replicas // context.num_input_pipelines
            rows = pipeline.batch_size // context.num_input_pipelines
            start = rows * context.input_pipeline_id
            batches = pipeline.dataset(first_batch, rows=(start, start + rows))
            if replicas == 1:
                return batches

            @tf.autograph.experimental.do_not_convert
            def split(batch: Any) -> Any:
                return tf.nest.map_structure(lambda x: tf.reshape(x, [replicas, rows // replicas, *x.shape[1:]]), batch)

            return batches.map(split).unbatch().prefetch(2 * replicas)

        return self.strategy.distribute_datasets_from_function(of_worker)

    def agree(self, flags: Sequence[bool]) -> list[bool]:
        """Return which flags are set on any worker; all workers must call this, and get the same answer."""
        if self.workers == 1:
            return list(flags)
        return [bool(count) for count in self._sum(tf.constant([int(flag) for flag in flags])).numpy()]

    def share(self, model: SteppedModel) -> None:
        """Copy the chief's variables to every worker, bit for bit."""
        if self.workers == 1:
            return
        variables = list(model.state().values())
        bits = [tf.reshape(tf.bitcast(tf.convert_to_tensor(v.numpy()), tf.int32), [-1]) for v in variables]
        mine = tf.concat(bits, axis=0)
        chiefs = self._sum(mine if self.is_chief else tf.zeros_like(mine))  # integers, so no rounding
        for variable, part in zip(variables, tf.split(chiefs, [len(b) for b in bits]), strict=True):
            words = variable.value.dtype.size // 4
            shape = [*variable.shape, *([words] if words > 1 else [])]
            variable.assign(tf.bitcast(tf.reshape(part, shape), variable.value.dtype))

    @contextlib.contextmanager
    def watching(self, where: object) -> Iterator[None]:
        """Turn the errors of TensorFlow after the loss of a worker into one line.

        Raises:
          WorkerLostError: a worker is gone.
        """
        try:
            yield
        except LOST as error:
            if self.workers == 1:
                raise
            raise _lost(where, error) from None

    def check_same(self, config: Config) -> None:
        """Check that all workers have the same config.

        Raises:
          UsageError: this worker's config differs from the chief's.
        """
        mine = zlib.crc32(config.to_yaml().encode()) & 0x7FFFFFFF
        chiefs = int(self._sum(tf.constant(mine if self.is_chief else 0))) if self.workers > 1 else mine
        if chiefs != mine:
            raise UsageError(
                f"{config.name}: worker {self.index} was started with another config than the chief (give every worker "
                "the same flags and files)"
            )

    @functools.cached_property
    def _sum(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Return a function that sums a tensor over the workers."""
        local = max(1, self.replicas // self.workers)

        def of_replica(mine: tf.Tensor) -> tf.Tensor:
            """Return the worker's tensor on its first replica, zeros on the others."""
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group % local, 0)
            return tf.where(first, mine, tf.zeros_like(mine))

        return tf.function(
            lambda mine: self.strategy.reduce("SUM", self.strategy.run(of_replica, args=(mine,)), axis=None),
            autograph=False,
        )


def choose(
    config: Config, strategy: str = "auto", logical_devices: int | None = None, *, deterministic: bool = False
) -> Engine:
    """Choose the engine of a run.

    Args:
      config: config of the run; its `training.precision` and `training.xla` may be `auto`.
      strategy: `auto`, `none`, `mirrored` (all GPUs, or the logical CPUs), `mirrored:GPU:0,GPU:2` (those devices),
        `multiworker` (reads TF_CONFIG), `tpu` (not tried on hardware).
      logical_devices: number of logical devices to split the CPU into, to try `mirrored` without GPUs.
      deterministic: make every operation give the same bits each time, until this process ends; excludes XLA.

    Raises:
      ConfigError: XLA is on together with `deterministic`.
      UsageError: the strategy, devices, TF_CONFIG or precision are invalid or not available here.
    """
    cluster = check_engine(config, strategy, logical_devices, deterministic)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    _use_half_the_cores(config, alone=cluster is None or cluster.size == 1)
    kind, chosen, why = _strategy(strategy, logical_devices, cluster)
    device = _device_kind(kind, chosen)
    precision, why_precision = _precision(config, device)
    xla, why_xla = _xla(config, device, deterministic)
    reasons = {"strategy": why, "precision": why_precision, "xla": why_xla}
    if _threads() is not None:
        reasons["threads"] = f"operations on {_threads()} of {cores()} cores"
    workers, index = (cluster.size, cluster.index) if cluster is not None and kind == "multiworker" else (1, 0)
    engine = Engine(chosen, kind, precision, xla, _threads(), reasons, workers, index)
    return engine if workers == 1 else _as_the_chief(engine)


def _as_the_chief(engine: Engine) -> Engine:
    """Return the engine with the chief's precision and XLA, as a worker may have other hardware."""
    with engine.watching(f"worker {engine.index}"):
        mine = tf.constant([PRECISIONS.index(engine.precision), int(engine.xla)])
        precision, xla = engine._sum(mine if engine.is_chief else tf.zeros_like(mine)).numpy()
    return dataclasses.replace(engine, precision=PRECISIONS[precision], xla=bool(xla))


def _lost(where: object, error: tf.errors.OpError) -> WorkerLostError:
    said = re.sub(r"\{\{.*?\}\} ?", "", error.message.splitlines()[0])[:160]
    return WorkerLostError(
        f"{where}: another worker is gone ({said}); restart all workers with the same command to resume from the "
        "last checkpoint"
    )


def _use_half_the_cores(config: Config, alone: bool) -> None:
    """Limit each operation to half the cores if two run concurrently; keep an existing setting.

    Milliseconds per CycleGAN step with each operation on both of 2 cores, and with one core per half of the step:
    cyclegan_benchmark 352 and 294, at batch 4 1,370 and 1,090; cyclegan_monet 461 and 309.
    """
    elsewhere = tf.config.list_physical_devices("GPU") or "TPU_NAME" in os.environ
    given = _threads() or os.environ.get("TF_NUM_INTRAOP_THREADS")
    if scheme_of(config).parallel_updates and cores() > 1 and alone and not elsewhere and not given:
        with contextlib.suppress(RuntimeError):  # TensorFlow has started, for example in a notebook
            tf.config.threading.set_intra_op_parallelism_threads(cores() // 2)


def _threads() -> int | None:
    """Return the number of cores per operation that this process has set, or None."""
    return tf.config.threading.get_intra_op_parallelism_threads() or None


def _strategy(
    asked: str, logical_devices: int | None, cluster: Cluster | None
) -> tuple[str, tf.distribute.Strategy, str]:
    kind, _, devices = asked.partition(":")
    if logical_devices is not None:
        _cut_cpu(logical_devices)
    if kind == "auto":
        if cluster is not None and cluster.size > 1:
            kind = "multiworker"
        elif "TPU_NAME" in os.environ:
            kind = "tpu"
        else:  # only here: listing devices starts TensorFlow, which cannot join workers afterwards
            several = (logical_devices or len(tf.config.list_logical_devices("GPU"))) > 1
            kind = "mirrored" if several else "none"
    if kind == "multiworker":
        assert cluster is not None, "check_engine asks for one"
        return kind, *_multi_worker(cluster)
    if kind == "tpu":
        return kind, *_tpu()
    if kind == "mirrored":
        cpus = [f"CPU:{i}" for i in range(logical_devices or 0)]
        return kind, *_mirrored([device for device in devices.split(",") if device] or cpus)
    return "none", tf.distribute.get_strategy(), "one device"


def _cut_cpu(number: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    except RuntimeError:
        there = len(tf.config.list_logical_devices("CPU"))
        if there != number:
            raise UsageError(
                f"logical_devices={number}: TensorFlow has already started with {there} (use a new process)"
            ) from None


def _mirrored(asked: list[str]) -> tuple[tf.distribute.Strategy, str]:
    there = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    devices = [device.removeprefix("/device:").upper() for device in asked]
    missing = [device for device in devices if device not in there]
    if missing:
        raise UsageError(f"strategy mirrored: unknown device {missing[0]} (available: {', '.join(there)})")
    twice = [device for number, device in enumerate(devices) if device in devices[:number]]
    if twice:
        raise UsageError(f"strategy mirrored: {twice[0]} is given twice")
    if not devices:
        gpus = [device for device in there if device.startswith("GPU")]
        devices = gpus or [device for device in there if device.startswith("CPU")]
    # TensorFlow's default for CPUs is a collective whose keys a second strategy in the process would reuse
    reduction = tf.distribute.ReductionToOneDevice() if devices[0].startswith("CPU") else None
    strategy = tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)
    return strategy, f"mirrored over {', '.join(devices)}"


@functools.cache  # TensorFlow joins the workers once in a process
def _multi_worker(cluster: Cluster) -> tuple[tf.distribute.Strategy, str]:
    if cluster.size > 1 and not has_begun():
        join(cluster)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except LOST as error:
        raise _lost(f"worker {cluster.index}", error) from None
    except RuntimeError as error:
        raise UsageError(
            f"strategy multiworker: TensorFlow can no longer join the workers ({str(error).splitlines()[0]}); "
            "train in a process that has not used TensorFlow"
        ) from None
    return strategy, f"worker {cluster.index} of {cluster.size}"


def _tpu() -> tuple[tf.distribute.Strategy, str]:
    """Connect to a TPU. Not tried on hardware."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise UsageError(f"strategy tpu: no TPU found ({str(error).splitlines()[0]})") from None
    return tf.distribute.TPUStrategy(resolver), "TPU (this path has not been tried on hardware)"


def _device_kind(kind: str, strategy: tf.distribute.Strategy) -> str:
    if kind == "tpu":
        return "TPU"
    if kind == "none":
        return "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return "GPU" if any("GPU" in device for device in strategy.extended.worker_devices) else "CPU"


def _precision(config: Config, device: str) -> tuple[str, str]:
    asked, native, why = config.training.precision, *_has_bfloat16(device)
    if asked == "auto":
        if not native:
            return "float32", f"float32 ({why})"
        kind = kinds.of(config.dataset)
        if kind.needs_float32:
            return "float32", f"float32 ({kind.plural} need more digits than bfloat16 has)"
        return "bfloat16", f"bfloat16 ({why})"
    if asked == "float16" and device == "CPU":
        raise UsageError("precision float16: hundreds of times slower on a CPU (use bfloat16 or float32)")
    if asked == "float16" and device == "TPU":
        raise UsageError("precision float16: not for a TPU (use bfloat16 or float32)")
    if asked == "bfloat16" and not native:
        raise UsageError(f"precision bfloat16: {why} (use float32{', float16' if device == 'GPU' else ''} or auto)")
    return asked, f"{asked} (as set)"


def _has_bfloat16(device: str) -> tuple[bool, str]:
    """Return whether the device computes in bfloat16 natively, and the reason."""
    if device == "TPU":
        return True, "native on a TPU"
    if device == "GPU":
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        native = details.get("compute_capability", (0, 0)) >= GPU_WITH_BFLOAT16
        return native, f"this GPU {'has' if native else 'lacks'} bfloat16"
    found = [flag for flag in CPUS_WITH_BFLOAT16 if flag in cpu_flags()]
    return bool(found), f"this CPU has {found[0]}" if found else "this CPU has no bfloat16"


def _xla(config: Config, device: str, deterministic: bool) -> tuple[bool, str]:
    asked = config.training.xla
    if deterministic:
        return False, "no XLA (op determinism)"
    if asked != "auto":
        return asked == "on", f"{'XLA' if asked == 'on' else 'no XLA'} (as set)"
    if device == "CPU":
        # images/s with XLA / without, 2 cores, float32, bfloat16: gan_ring 0.80, 0.62; gan_mnist 0.89, 0.74;
        # dcgan_benchmark 0.56, 0.70; cgan_mnist 0.31, 0.22
        return False, "no XLA (on a CPU it is slower than oneDNN)"
    return True, f"XLA (a {device} gains from it)"
