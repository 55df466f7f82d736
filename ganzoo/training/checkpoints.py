"""Checkpoints: atomic, verified by hashes, with every variable that training reads.

`checkpoints/step_00000500/` holds `state.safetensors` and `manifest.json` with the SHA-256 of both. It is written under
a temporary name, synced and renamed, so a kill at any time leaves the previous checkpoint intact. A replacement for the
same step gets a new name (`step_00000500_1`) before the old one is removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.core import files, weights
from ganzoo.errors import RunError, WeightsError

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel

STATE = "state.safetensors"
MANIFEST = "manifest.json"
UNFINISHED = ".step_"

_log = logging.getLogger(__name__)


class NotFiniteError(RunError):
    """NaN or infinity in a variable to save.

    Attributes:
      what: name of the variable in messages: `variable generator/…`.
    """

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what


class Checkpoints:
    """Checkpoints of one run.

    Args:
      directory: `RUN/checkpoints`; created by the first save.
      keep: number of the newest checkpoints to keep.
      beside: function that returns another step to keep, or None; called at each save.
    """

    def __init__(self, directory: str | Path, keep: int = 2, beside: Callable[[], int | None] = lambda: None) -> None:
        self.directory = Path(directory)
        self.keep = keep
        self.beside = beside

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in order."""
        return sorted({step for step, _ in self._directories()})

    def path(self, step: int) -> Path:
        """Return the directory of the newest checkpoint of a step."""
        revisions = [path for of_step, path in self._directories() if of_step == step]
        return max(revisions, key=_revision, default=self.directory / f"step_{step:08d}")

    def newest_whole(self) -> int | None:
        """Return the step that `restore` would restore, or None."""
        return next((step for step in reversed(self.steps()) if self._is_whole(step)), None)

    def save(self, model: SteppedModel, notes: Mapping[str, Any] | None = None, *, anew: bool = False) -> Path:
        """Write a checkpoint of the model's step, and remove those beyond `keep` and those of later steps.

        Checkpoints of later steps are damaged ones that `restore` has skipped.

        Args:
          model: the model to save.
          notes: plain data that `notes` reads back.
          anew: replace an existing intact checkpoint of the same step.

        Raises:
          NotFiniteError: a variable is not finite; nothing is written.
          RunError: the checkpoint cannot be written (for example, the disk is full); earlier ones are unchanged.
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
                message = f"{final}: not written, {name} is not finite; {self._earlier(step)}"
                raise NotFiniteError(message, f"variable {name}")
        try:
            self._write(final, state, {"step": step, "notes": dict(notes or {})})
            known, beside = [known for known in self.steps() if known <= step], self.beside()
            kept = {self.path(each) for each in known if each in known[-self.keep :] or each == beside}
            for _, path in self._directories():
                if path not in kept:
                    _remove(path)
        except OSError as error:
            raise RunError(
                f"{final}: the checkpoint cannot be written ({error.strerror or error}); make room, then give the same "
                f"command again: {self._earlier(step)}"
            ) from None
        return final

    def notes(self, step: int) -> dict[str, Any]:
        """Return the notes of a checkpoint that has been restored."""
        return self._manifest(step)["notes"]

    def restore(self, model: SteppedModel, step: str | int = "last") -> int | None:
        """Read a checkpoint into a model.

        Args:
          model: a model built from the run's config.
          step: `last` for the last intact checkpoint (damaged ones are skipped with a warning), or a number.

        Returns:
          The step, or None if there are no checkpoints.

        Raises:
          WeightsError: the checkpoint of this step is missing or damaged, or all checkpoints are damaged.
        """
        known = self.steps()
        if step != "last":
            self.check_there(step)
            self._read_into(model, int(step))
            return int(step)
        problems = []
        for candidate in reversed(known):
            try:
                self._read_into(model, candidate)
            except WeightsError as error:
                _log.warning("checkpoint skipped: %s", error)
                problems.append(str(error))
            else:
                return candidate
        if problems:
            raise WeightsError(
                f"{self.directory}: all checkpoints are damaged ({problems[0]}); choose another workdir, --workdir"
            )
        return None

    def check_there(self, step: str | int) -> None:
        """Refuse a step without a checkpoint.

        Raises:
          WeightsError: there is none; the message names the steps that have one.
        """
        if step not in (known := self.steps()):
            there = ", ".join(map(str, known)) or "none"
            raise WeightsError(f"{self.directory}: expected one of the steps {there}, or last or best, got {step}")

    def _earlier(self, than: int) -> str:
        """Describe the newest intact checkpoint before a step, for messages."""
        left = next((step for step in reversed(self.steps()) if step < than and self._is_whole(step)), None)
        return "there is no earlier checkpoint" if left is None else f"the checkpoint of step {left} is intact"

    def _write(self, final: Path, state: dict[str, np.ndarray], manifest: dict[str, Any]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for left_by_a_kill in self.directory.glob(f"{UNFINISHED}*"):
            _remove(left_by_a_kill)
        temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.directory))
        try:
            weights.write(temporary / STATE, state)
            manifest["sha256"] = weights.sha256(temporary / STATE)
            (temporary / MANIFEST).write_text(_sealed(manifest), encoding="utf-8")
            temporary.chmod(0o755)  # mkdtemp allows only its owner
            for path in (temporary / STATE, temporary / MANIFEST, temporary):
                files.sync(path)
            if os.path.lexists(final):  # damaged: an intact one would be kept
                _remove(final)
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
        """Verify the hashes of a checkpoint.

        Raises:
          WeightsError: a file is missing or damaged; the message names it.
        """
        state = self.path(step) / STATE
        expected = self._manifest(step)["sha256"]
        try:
            found = weights.sha256(state)
        except OSError as error:
            raise WeightsError(f"{state}: damaged ({error.strerror})") from None
        if found != expected:
            raise WeightsError(
                f"{state}: damaged (expected the SHA-256 {expected[:12]}… of {MANIFEST}, got {found[:12]}…)"
            )

    def _manifest(self, step: int) -> dict[str, Any]:
        path = self.path(step) / MANIFEST
        try:
            text = path.read_bytes()
            manifest = json.loads(text)
            manifest.pop("seal")
            if _sealed(manifest).encode() != text:
                raise ValueError("its seal does not match its text")
            if not isinstance(manifest["sha256"], str) or not isinstance(manifest["notes"], dict):
                raise ValueError("expected the text sha256 and the mapping notes")
            if manifest["step"] != step:
                raise ValueError(f"expected step {step}, got {manifest['step']}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise WeightsError(f"{path}: damaged ({getattr(error, 'strerror', None) or error})") from None
        return manifest

    def _directories(self) -> list[tuple[int, Path]]:
        """Return step and directory of every checkpoint, including older revisions that a kill has left."""
        if not self.directory.is_dir():
            return []
        found = ((re.fullmatch(r"step_(\d+)(_\d+)?", path.name), path) for path in self.directory.iterdir())
        return [(int(match[1]), path) for match, path in found if match]


def _remove(path: Path) -> None:
    """Remove a directory, or what is in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _revision(path: Path) -> int:
    """Return the number of times the checkpoint in this directory has been replaced."""
    return int((path.name.split("_")[2:] or ["0"])[0])


def _sealed(manifest: Mapping[str, Any]) -> str:
    """Return a manifest's text with a SHA-256 of its contents, so that no byte can change unnoticed."""
    seal = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    return json.dumps({**manifest, "seal": seal}) + "\n"
