"""Checkpoints: whole or not there, proved by hashes, and holding every variable that training reads.

`checkpoints/step_00000500/` has `state.safetensors` and `manifest.json` with the SHA-256 of both. It is written under a
temporary name, synced and renamed, so that a kill at any instant leaves the previous one whole. One that is written
anew gets a name of its own (`step_00000500_1`) before the old one goes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo import files, weights
from ganzoo.errors import RunError, WeightsError

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel

STATE = "state.safetensors"
MANIFEST = "manifest.json"
UNFINISHED = ".step_"

_log = logging.getLogger(__name__)


class NotFiniteError(RunError):
    """A variable that was to be saved holds NaN or infinity.

    Attributes:
      what: the variable, for messages: `variable generator/…`.
    """

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what


class Checkpoints:
    """The checkpoints of one run.

    Args:
      directory: `RUN/checkpoints`; made on the first save.
      keep: how many of the newest are kept, whatever made them.
      beside: gives a step that is kept too, or None; asked at each save.
    """

    def __init__(self, directory: str | Path, keep: int = 2, beside: Callable[[], int | None] = lambda: None) -> None:
        self.directory = Path(directory)
        self.keep = keep
        self.beside = beside

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        return sorted({step for step, _ in self._directories()})

    def path(self, step: int) -> Path:
        """The directory of one checkpoint: the newest of that step."""
        revisions = [path for of_step, path in self._directories() if of_step == step]
        return max(revisions, key=_revision, default=self.directory / f"step_{step:08d}")

    def newest_whole(self) -> int | None:
        """The step that `restore` would go back to, or None."""
        return next((step for step in reversed(self.steps()) if self._is_whole(step)), None)

    def save(self, model: SteppedModel, notes: Mapping[str, Any] | None = None, *, anew: bool = False) -> Path:
        """Writes a checkpoint of the model's step and removes those beyond `keep`, and any of a later step.

        What `restore` passed over for this run to be here was damaged.

        Args:
          model: what is saved.
          notes: JSON-able, read back by `notes`.
          anew: replace a whole one of the same step, which would stay otherwise.

        Raises:
          NotFiniteError: a variable is not finite; nothing is written.
          RunError: it cannot be written (the disk is full, say); earlier ones are untouched.
        """
        step = model.step
        final = self.path(step)
        if final.is_dir() and self._is_whole(step):
            if not anew:
                return final
            final = self.directory / f"step_{step:08d}_{_revision(final) + 1}"
        state = {name: variable.numpy() for name, variable in model.state().items()}
        for name, array in state.items():
            if np.issubdtype(array.dtype, np.floating) and not np.all(np.isfinite(array)):
                message = f"{final}: not written, {name} is not finite; earlier checkpoints are whole"
                raise NotFiniteError(message, f"variable {name}")
        try:
            self._write(final, state, {"step": step, "notes": dict(notes or {})})
            known, beside = [known for known in self.steps() if known <= step], self.beside()
            kept = {self.path(each) for each in known if each in known[-self.keep :] or each == beside}
            for _, path in self._directories():
                if path not in kept:
                    shutil.rmtree(path)
        except OSError as error:
            raise RunError(
                f"{final}: the checkpoint cannot be written ({error.strerror or error}); make room, then give the same "
                "command again: earlier checkpoints are whole"
            ) from None
        return final

    def notes(self, step: int) -> dict[str, Any]:
        """What was noted with a checkpoint that has been restored."""
        return self._manifest(step)["notes"]

    def restore(self, model: SteppedModel, step: str | int = "last") -> int | None:
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
                there = f"there are: {known or 'none'}; or take last, or best"
                raise WeightsError(f"{self.directory}: no checkpoint of step {step} ({there})")
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
            (temporary / MANIFEST).write_text(_sealed(manifest), encoding="utf-8")
            temporary.chmod(0o755)  # mkdtemp's own is for one user
            for path in (temporary / STATE, temporary / MANIFEST, temporary):
                files.sync(path)
            if final.is_dir():  # damaged: a whole one would have stayed
                shutil.rmtree(final)
            temporary.rename(final)
            files.sync(self.directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _read_into(self, model: SteppedModel, step: int) -> None:
        self._check(step)
        path = self.path(step)
        weights.place(weights.read(path / STATE), model.state(), str(path))

    def _is_whole(self, step: int) -> bool:
        try:
            self._check(step)
        except WeightsError:
            return False
        return True

    def _check(self, step: int) -> None:
        """Makes sure that every byte of a checkpoint is as it was written.

        Raises:
          WeightsError: a file is absent or damaged; the message names it.
        """
        state = self.path(step) / STATE
        expected = self._manifest(step)["sha256"]
        try:
            found = weights.sha256(state)
        except OSError as error:
            raise WeightsError(f"{state}: damaged ({error.strerror})") from None
        if found != expected:
            raise WeightsError(f"{state}: damaged (its SHA-256 is not the one in {MANIFEST})")

    def _manifest(self, step: int) -> dict[str, Any]:
        path = self.path(step) / MANIFEST
        try:
            text = path.read_bytes()
            manifest = json.loads(text)
            manifest.pop("seal")
            if _sealed(manifest).encode() != text:
                raise ValueError("its seal is broken")
            if manifest["step"] != step:
                raise ValueError(f"it is of step {manifest['step']}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path}: damaged ({getattr(error, 'strerror', None) or error})") from None
        return manifest

    def _directories(self) -> list[tuple[int, Path]]:
        """The step and the directory of every checkpoint, older revisions that a kill has left among them."""
        if not self.directory.is_dir():
            return []
        found = ((re.fullmatch(r"step_(\d+)(_\d+)?", path.name), path) for path in self.directory.iterdir())
        return [(int(match[1]), path) for match, path in found if match]


def _revision(path: Path) -> int:
    """How often the checkpoint in that directory has been written anew."""
    return int((path.name.split("_")[2:] or ["0"])[0])


def _sealed(manifest: Mapping[str, Any]) -> str:
    """A manifest's text, with the SHA-256 of all the rest in it: no byte of it can change unnoticed."""
    seal = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    return json.dumps({**manifest, "seal": seal}) + "\n"
