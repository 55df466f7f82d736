"""Served versions: watch a directory, load and unload versions, and keep those in use.

BASE/NAME/VERSION/ is version VERSION of the model NAME. The highest numbers that load are served. A new version
is loaded and warmed up beside the served ones; then an older one is unloaded, after its last request. A version that
cannot be loaded is reported, and retried when its files change. A served version whose files are replaced is reloaded.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.serving.server.directory import Fingerprint, check, fingerprint, models_in
from ganzoo.serving.server.servable import Servable
from ganzoo.serving.server.status import ServingError

_log = logging.getLogger(__name__)


@dataclass
class Version:
    """Version of a model, and its status.

    Attributes:
      number: Version number.
      state: LOADING, AVAILABLE, UNLOADING or END, as in TensorFlow Serving's ModelVersionStatus.
      error: Error of the last attempt to load it.
      servable: Loaded version; None if it is not loaded.
      leases: Number of requests that use it.
      tried: Fingerprint of the files at the last attempt to load it.
      seen: Fingerprint of changed files at the last scan: being copied, or replaced.
      missing: Whether the files were missing at the last scan.
    """

    number: int
    state: str = "LOADING"
    error: str = ""
    servable: Servable | None = None
    leases: int = 0
    tried: Fingerprint = ()
    seen: Fingerprint = ()
    missing: bool = False


class Models:
    """Models of a directory; its methods are thread-safe."""

    def __init__(self, base: Path, keep_versions: int, poll_seconds: float) -> None:
        """Check the directory, without loading anything.

        Raises:
          UsageError: The directory is missing or has no export.
        """
        self._base, self._keep, self._poll_seconds = base, keep_versions, poll_seconds
        self._lock = threading.Lock()
        self._models: dict[str, dict[int, Version]] = {}
        self._complained_of: set[Path] = set()
        self._garbage = False  # whether a version was unloaded since the last garbage collection
        self._loading = threading.Event()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="ganzoo-versions", daemon=True)
        check(base)

    def start(self) -> None:
        """Load the models and watch the directory.

        Raises:
          UsageError: No model could be loaded.
        """
        self.scan()
        with self._lock:
            versions = [version for model in self._models.values() for version in model.values()]
        if not any(version.state == "AVAILABLE" for version in versions):
            reasons = [version.error for version in versions if version.error]
            raise UsageError(
                f"{self._base}: no model could be loaded ({reasons[0] if reasons else 'all were deleted'})"
            )
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching, without waiting for a version that is being loaded."""
        self._stopped.set()

    @property
    def loading(self) -> bool:
        """Return whether a version is being loaded, which only the end of the process stops."""
        return self._loading.is_set()

    @contextlib.contextmanager
    def lease(self, name: str, number: int | None = None) -> Iterator[Servable]:
        """Keep a version loaded for a request: the highest, or the one with this number.

        Raises:
          ServingError: NOT_FOUND.
        """
        with self._lock:
            served = [v for v in self._models.get(name, {}).values() if v.state == "AVAILABLE"]
            version = max(
                (v for v in served if number in (None, v.number)), key=lambda version: version.number, default=None
            )
            if version is None or version.servable is None:
                asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
                raise ServingError("NOT_FOUND", f"Servable not found for request: {asked}")
            version.leases += 1
            servable = version.servable
        try:
            yield servable
        finally:
            with self._lock:
                version.leases -= 1
                self._let_go_when_free(version)

    def status(self, name: str, number: int | None = None) -> list[Version]:
        """Return the status of the versions of a model, highest first, or of the one with this number.

        Raises:
          ServingError: NOT_FOUND.
        """
        with self._lock:
            found = [replace(v) for v in self._models.get(name, {}).values() if number in (None, v.number)]
        if not found:
            what = f"any versions of model {name}" if number is None else f"version {number} of model {name}"
            raise ServingError("NOT_FOUND", f"Could not find {what}")
        return sorted(found, key=lambda version: -version.number)

    def without_version(self) -> list[str]:
        """Return the models without a loaded version."""
        with self._lock:
            return [
                name
                for name, versions in self._models.items()
                if not any(v.state == "AVAILABLE" for v in versions.values())
                and any(v.error for v in versions.values())
            ]

    def scan(self) -> None:
        """Scan the directory once, and load and unload versions."""
        try:
            found, unreadable = models_in(self._base)
        except OSError as error:
            self._complain({self._base: error})
            return
        self._complain(unreadable)
        unknown = {path.name for path in unreadable}
        for name in sorted(found.keys() | self._models.keys() - unknown):
            if not self._stopped.is_set():
                self._scan_model(name, found.get(name, {}))

    def _scan_model(self, name: str, found: dict[int, Path]) -> None:
        with self._lock:
            versions = self._models.setdefault(name, {})
        kept: list[int] = []
        for number in sorted(found.keys() | self._just_missing(versions, found), reverse=True):
            if len(kept) < self._keep and self._is_loaded(name, versions, number, found.get(number)):
                kept.append(number)
        with self._lock:
            old = [v for v in versions.values() if v.state == "AVAILABLE" and v.number not in kept]
            for version in old:
                version.state = "UNLOADING"
                self._let_go_when_free(version)
            for number in versions.keys() - found.keys():
                versions[number].error = ""  # a deleted version has no error
        for version in old:
            why = "a newer one is served" if version.number in found else "it was deleted"
            _log.info("%s: version %d is unloaded: %s", name, version.number, why)

    def _just_missing(self, versions: dict[int, Version], found: Mapping[int, Path]) -> list[int]:
        """Return served versions whose directory has just gone; another may be about to take its name."""
        with self._lock:
            served = [version for version in versions.values() if version.state == "AVAILABLE"]
        just = [version.number for version in served if version.number not in found and not version.missing]
        for version in served:
            version.missing = version.number not in found
        return just

    def _is_loaded(self, name: str, versions: dict[int, Version], number: int, directory: Path | None) -> bool:
        """Load a version, unless it is loaded already or its files failed before; return whether it is served."""
        with self._lock:
            version = versions.setdefault(number, Version(number))
            served = version.state == "AVAILABLE"
            if version.state == "UNLOADING":
                return False
        if directory is None:
            return served
        files = fingerprint(directory)
        if files == version.tried and (served or version.error):
            return served
        if served and (not files or files != version.seen):  # until the files stop changing
            version.seen = files
            return True
        if not served:
            with self._lock:
                version.state = "LOADING"
        _log.info("%s: version %d is being loaded", name, number)
        try:
            self._loading.set()
            servable = Servable(name, number, directory)
        except Exception as error:  # TensorFlow raises nearly anything for a broken file
            self._report(name, version, directory, error, files)
            return served
        finally:
            self._loading.clear()
        with self._lock:
            version.servable, version.state, version.error, version.tried = servable, "AVAILABLE", "", files
            self._garbage = self._garbage or served
        _log.info("%s: version %d is served%s", name, number, " again: its files were replaced" if served else "")
        return True

    def _report(self, name: str, version: Version, directory: Path, error: Exception, files: Fingerprint) -> None:
        reason = " ".join(str(getattr(error, "message", error)).split())[:300]
        message = f"{directory}: cannot be loaded ({reason or type(error).__name__})"
        with self._lock:
            known = version.error == message
            version.error, version.tried = message, files
            version.state = "AVAILABLE" if version.servable else "END"  # served from the files that it had before
        if not known:
            _log.error("%s: version %d: %s", name, version.number, message)

    def _let_go_when_free(self, version: Version) -> None:
        if version.state == "UNLOADING" and version.leases == 0:
            version.servable, version.state = None, "END"
            self._garbage = True

    def _watch(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            try:
                self.scan()
            except Exception:
                _log.exception("%s: the scan failed; retrying", self._base)
            if self._garbage:
                self._garbage = False
                gc.collect()  # a loaded SavedModel has reference cycles

    def _complain(self, unreadable: Mapping[Path, OSError]) -> None:
        """Log directories that cannot be read, each once."""
        for folder in unreadable.keys() - self._complained_of:
            _log.error("%s: cannot be read (%s); loaded versions stay", folder, unreadable[folder].strerror)
        self._complained_of = set(unreadable)
