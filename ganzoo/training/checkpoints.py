"""Checkpoints: whole or not there, proved by a hash, and holding every variable that training reads.

`checkpoints/step_00000500/` has `state.safetensors` and `manifest.json` with its SHA-256. It is written under a
temporary name, synced and renamed, so that a kill at any instant leaves the previous one whole.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo import files, weights
from ganzoo.errors import RunError, WeightsError

if TYPE_CHECKING:
    from ganzoo.models.adversarial import AdversarialModel

STATE = "state.safetensors"
MANIFEST = "manifest.json"
UNFINISHED = ".step_"

_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one run.

    Args:
      directory: `RUN/checkpoints`; made on the first save.
      keep: how many of the newest are kept.
    """

    def __init__(self, directory: str | Path, keep: int = 2) -> None:
        self.directory = Path(directory)
        self.keep = keep

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        if not self.directory.is_dir():
            return []
        found = (re.fullmatch(r"step_(\d+)", path.name) for path in self.directory.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def path(self, step: int) -> Path:
        """The directory of one checkpoint."""
        return self.directory / f"step_{step:08d}"

    def save(self, model: AdversarialModel, notes: Mapping[str, Any] | None = None) -> Path:
        """Writes a checkpoint of the model's step and removes those beyond `keep`; one that is there and whole stays.

        Args:
          model: what is saved.
          notes: JSON-able, read back by `notes`.

        Raises:
          RunError: a weight is not finite, or it cannot be written (the disk is full, say); earlier ones are untouched.
        """
        step = model.step
        final = self.path(step)
        if final.is_dir() and self._is_whole(step):
            return final
        state = {name: variable.numpy() for name, variable in model.state().items()}
        for name, array in state.items():
            if np.issubdtype(array.dtype, np.floating) and not np.all(np.isfinite(array)):
                raise RunError(f"{final}: not written, {name} is not finite; earlier checkpoints are whole")
        try:
            self._write(final, state, {"step": step, "notes": dict(notes or {})})
            for old in self.steps()[: -self.keep]:
                shutil.rmtree(self.path(old))
        except OSError as error:
            raise RunError(
                f"{final}: the checkpoint cannot be written ({error.strerror or error}); make room, then give the same "
                "command again: earlier checkpoints are whole"
            ) from None
        return final

    def notes(self, step: int) -> dict[str, Any]:
        """What was noted with a checkpoint that has been restored."""
        return self._manifest(step)["notes"]

    def restore(self, model: AdversarialModel, step: str | int = "last") -> int | None:
        """Reads a checkpoint into a model.

        Args:
          model: made from the run's config.
          step: `last`, or a number. The last one that is whole is taken; damaged ones are passed over with a warning.

        Returns:
          The step, or None where there is no checkpoint at all.

        Raises:
          WeightsError: the asked-for one is absent or damaged, or all of them are.
        """
        known = self.steps()
        if step != "last":
            if step not in known:
                raise WeightsError(f"{self.directory}: no checkpoint of step {step} (there are: {known or 'none'})")
            self._read_into(model, int(step))
            return int(step)
        problems = []
        for candidate in reversed(known):
            try:
                self._read_into(model, candidate)
            except WeightsError as error:
                _log.warning("checkpoint passed over: %s", error)
                problems.append(str(error))
            else:
                return candidate
        if problems:
            raise WeightsError(
                f"{self.directory}: no checkpoint is whole ({problems[0]}); choose another --workdir to begin anew"
            )
        return None

    def _write(self, final: Path, state: dict[str, np.ndarray], manifest: dict[str, Any]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for left_by_a_kill in self.directory.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left_by_a_kill)
        temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.directory))
        try:
            weights.write(temporary / STATE, state)
            manifest["sha256"] = weights.sha256(temporary / STATE)
            (temporary / MANIFEST).write_text(json.dumps(manifest) + "\n", encoding="utf-8")
            temporary.chmod(0o755)  # mkdtemp's own is for one user
            for path in (temporary / STATE, temporary / MANIFEST, temporary):
                files.sync(path)
            if final.is_dir():  # damaged: a whole one would have stayed
                shutil.rmtree(final)
            temporary.rename(final)
            files.sync(self.directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _read_into(self, model: AdversarialModel, step: int) -> None:
        path = self.path(step)
        weights.place(weights.read(path / STATE, self._manifest(step)["sha256"]), model.state(), str(path))

    def _manifest(self, step: int) -> dict[str, Any]:
        path = self.path(step) / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            return {"sha256": str(manifest["sha256"]), "notes": dict(manifest["notes"])}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{path}: damaged ({error})") from None

    def _is_whole(self, step: int) -> bool:
        try:
            return weights.sha256(self.path(step) / STATE) == self._manifest(step)["sha256"]
        except (OSError, WeightsError):
            return False
