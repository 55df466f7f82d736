"""Handling of non-finite values: an error, or a rollback with half the learning rates."""

from __future__ import annotations

import math

import tensorflow as tf

from ganzoo.engine import guard
from ganzoo.engine.precision import computes_in_full_precision
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import RunError
from ganzoo.models.compositions import normalises_over_batch
from ganzoo.schema import Config
from ganzoo.training.callbacks import SaveCheckpoints
from ganzoo.training.checkpoints import NotFiniteError
from ganzoo.training.directory import RunDirectory
from ganzoo.training.engine import Engine
from ganzoo.training.progress import ProgressBar
from ganzoo.training.stopping import StopWhenFooled

MOST_ROLLBACKS = 3


class Rollback:
    """Reaction to a non-finite loss, gradient or variable, as `training.on_nan` says.

    The number of rollbacks follows from the model's `rate_scale`, which only rollbacks change (each halves it), so a
    resumed run keeps its count.

    Args:
      model: model in training.
      config: config of the run.
      engine: engine of the run.
      run: run directory.
      saves: checkpoint callback of the run, with its reporter.
      rule: stop rule that reads the log again after a rollback.
      bar: progress bar that prints what happens.
    """

    def __init__(
        self,
        model: SteppedModel,
        config: Config,
        engine: Engine,
        run: RunDirectory,
        saves: SaveCheckpoints,
        rule: StopWhenFooled | None,
        bar: ProgressBar,
    ) -> None:
        self.model = model
        self.config = config
        self.engine = engine
        self.run = run
        self.saves = saves
        self.rule = rule
        self.bar = bar

    def begin(self) -> None:
        """Write a checkpoint to return to, if this run may need one."""
        if self.config.training.on_nan == "rollback":
            self.saves.save()

    def __call__(self, error: tf.errors.InvalidArgumentError | NotFiniteError) -> None:
        """Return model, log, samples and reporter to the last checkpoint, ready to continue.

        A kill at any time leads to the same run: until the checkpoint is replaced, the old one fails again at the same
        step.

        Args:
          error: error that ended the training.

        Raises:
          RunError: `training.on_nan` is `stop`, or there were too many rollbacks.
          tf.errors.InvalidArgumentError: the error itself, if it has another cause.
        """
        if isinstance(error, NotFiniteError):
            what, failed = error.what, self.model.step
        elif found := guard.culprit(error):
            # with replicas, losses are checked after the step
            what, failed = found, self.model.step + (not found.startswith("loss (one of"))
        else:
            raise error
        scale = float(self.model.rate_scale.numpy())
        if self.config.training.on_nan == "stop" or _rollbacks(scale) >= MOST_ROLLBACKS:
            raise self._breakdown(what, failed, scale) from None
        step = self._rewind(scale / 2)
        event = {"step": step, "event": "rollback", "rolled_back_from": failed, "what": what, "rate_scale": scale / 2}
        if event not in self.run.read_log():  # it is, if a kill came between the event and its checkpoint
            self.run.log(event)
        self.saves.save(anew=True)
        self.bar.note(
            f"{self.config.name}: {what} is not finite at step {failed:,}; resuming at step {step:,} with "
            f"{scale / 2:g} times the learning rates (rollback {_rollbacks(scale / 2)} of {MOST_ROLLBACKS})"
        )

    def _rewind(self, scale: float) -> int:
        """Restore the last checkpoint, and return its step."""
        restored = self.saves.checkpoints.restore(self.model)
        assert restored is not None, "one is written before the first step"
        self.engine.share(self.model)
        step = self.model.step
        self.model.rate_scale.assign(scale)
        self.run.rewind(step)
        self.saves.reporter.rewind(self.saves.checkpoints.notes(step))
        if self.rule is not None:
            self.rule.rewind(self.run.read_losses())
        return step

    def _breakdown(self, what: str, failed: int, scale: float) -> RunError:
        """Return the error that ends the run."""
        saved = self.saves.checkpoints.newest_whole()
        kept = "there is no checkpoint yet" if saved is None else f"the checkpoint of step {saved:,} is intact"
        if _rollbacks(scale) >= MOST_ROLLBACKS:
            kept += f", and {MOST_ROLLBACKS} rollbacks (to {scale:g} times the learning rates) did not help"
        else:
            place = "the start" if saved is None else "there"
            kept += f"; the same call with on_nan, --on_nan, rollback resumes from {place} at half the learning rates"
        advice = _advice(self.config, self.model)
        return RunError(f"{self.run.path}: {what} is not finite at step {failed:,}; {kept}; {advice}")


def _rollbacks(scale: float) -> int:
    """Return the number of rollbacks that lead to this scale of the learning rates."""
    return round(-math.log2(scale))


def _advice(config: Config, model: SteppedModel) -> str:
    """Return values to try against non-finite values."""
    # for all networks: one that diverges may make another fail first
    rates = {name: optimizer.learning_rate for name, optimizer in config.optimizer.updates.items()}
    lower = ", ".join(f"optimizer.{name}.learning_rate={rate / 10:g}" for name, rate in rates.items())
    ways = [f"lower learning rates ({lower})"]
    if config.optimizer.clip_norm is None:
        ways.append("a bound on the gradients (optimizer.clip_norm=1)")
    judges = [network for role, network in model.networks.items() if role.startswith("discriminator")]
    if not config.penalties and "penalties" in model.objectives and not normalises_over_batch(judges):
        ways.append("a penalty (penalties=[{name: r1, weight: 1.0}])")
    if not all(map(computes_in_full_precision, model.networks.values())):
        ways.append("full precision (training.precision=float32)")
    return f"in another workdir, --workdir, try as overrides, --set: {' or '.join(ways)}"
