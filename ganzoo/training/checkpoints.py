"""Checkpoints: whole or not there, proved by a hash, and holding every variable that training reads.

`checkpoints/step_00000500/` has `state.safetensors` and `manifest.json` with its SHA-256. It is written under a
temporary name, synced and renamed, so that a kill at any instant leaves the previous one whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo import weights
from ganzoo.errors import RunError, WeightsError

if TYPE_CHECKING:
    from ganzoo.models.adversarial import AdversarialModel

STATE = "state.safetensors"
MANIFEST = "manifest.json"


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

    def save(self, model: AdversarialModel) -> Path:
        """Writes a checkpoint of the model's step and removes those beyond `keep`; one that is there already stays.

        Raises:
          RunError: it cannot be written (the disk is full, say); earlier ones are untouched.
        """
        step = model.step
        final = self.path(step)
        if final.is_dir():
            return final
        temporary = self.directory / f".{final.name}.{os.getpid()}"
        try:
            temporary.mkdir(parents=True)
            state = {name: variable.numpy() for name, variable in model.state().items()}
            weights.write(temporary / STATE, state)
            manifest = {"step": step, "variables": len(state), "sha256": weights.sha256(temporary / STATE)}
            (temporary / MANIFEST).write_text(json.dumps(manifest) + "\n", encoding="utf-8")
            for path in (temporary / STATE, temporary / MANIFEST, temporary):
                _sync(path)
            temporary.rename(final)
            _sync(self.directory)
        except Exception as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise RunError(
                f"{final}: the checkpoint cannot be written ({error}); free some room or choose another --workdir, "
                "then give the same command again: earlier checkpoints are whole"
            ) from None
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old))
        return final

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
                warnings.warn(f"checkpoint passed over: {error}", stacklevel=2)
                problems.append(str(error))
            else:
                return candidate
        if problems:
            raise WeightsError(
                f"{self.directory}: no checkpoint is whole ({problems[0]}); choose another --workdir to begin anew"
            )
        return None

    def _read_into(self, model: AdversarialModel, step: int) -> None:
        path = self.path(step)
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            expected = str(manifest["sha256"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{path / MANIFEST}: damaged ({error})") from None
        weights.place(weights.read(path / STATE, expected), model.state(), str(path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
