"""Which versions are served: a directory is watched, versions come and go, requests keep theirs until they are done.

BASE/NAME/VERSION/ is version VERSION of the model NAME. Of each model the highest numbers that load are served. A
version is loaded and warmed up beside those that are served, takes over, and only then an older one is let go, once the
requests that hold it are done. One that cannot be loaded is reported, and tried again when its files change.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.serving.formats import ENDINGS, SAVED_MODEL
from ganzoo.serving.server.servable import Servable
from ganzoo.serving.server.status import ServingError

_log = logging.getLogger(__name__)

MODEL_NAME = re.compile(r"[^/:.][^/:]*")  # what a URL of TensorFlow Serving can ask for; hidden folders are none
VERSION_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)  # an int64

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass
class Version:
    """One version of a model, and how it stands.

    Attributes:
      number: of the version.
      state: LOADING, AVAILABLE, UNLOADING or END, as in TensorFlow Serving's ModelVersionStatus.
      error: why it could not be loaded.
      servable: while it is loaded.
      leases: requests that hold it.
      tried: the files that could not be loaded.
    """

    number: int
    state: str = "LOADING"
    error: str = ""
    servable: Servable | None = None
    leases: int = 0
    tried: Fingerprint = ()


class Models:
    """The models of a directory. Its methods may be called from any thread."""

    def __init__(self, base: Path, keep_versions: int, poll_seconds: float) -> None:
        """Reads the directory, without loading anything.

        Raises:
          UsageError: it is not there, or holds no export.
        """
        self._base, self._keep, self._poll_seconds = base, keep_versions, poll_seconds
        self._lock = threading.Lock()
        self._models: dict[str, dict[int, Version]] = {}
        self._complained_of: set[Path] = set()
        self._garbage = False  # whether a version has ended since memory was last cleaned up
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="ganzoo-versions", daemon=True)
        _check(base)

    def start(self) -> None:
        """Loads what is there and watches the directory from now on.

        Raises:
          UsageError: no model could be loaded.
        """
        self.scan()
        with self._lock:
            versions = [version for model in self._models.values() for version in model.values()]
        if not any(version.state == "AVAILABLE" for version in versions):
            reasons = [version.error for version in versions if version.error]
            raise UsageError(f"{self._base}: no model could be loaded ({reasons[0] if reasons else 'none is left'})")
        self._watcher.start()

    def stop(self) -> None:
        """Watches no longer; a version that is being loaded is not waited for."""
        self._stopped.set()

    @contextlib.contextmanager
    def lease(self, name: str, number: int | None = None) -> Iterator[Servable]:
        """Holds a version for a request: the highest, or the one with this number.

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
        """How the versions of a model stand, the highest first, or the one with this number.

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
        """The models that have versions and can answer with none of them."""
        with self._lock:
            return [
                name
                for name, versions in self._models.items()
                if not any(v.state == "AVAILABLE" for v in versions.values())
                and any(v.error for v in versions.values())
            ]

    def scan(self) -> None:
        """Looks at the directory once, and loads and lets go what has to be."""
        try:
            found, unreadable = _models(self._base)
        except OSError as error:
            self._complain({self._base: error})
            return
        self._complain(unreadable)
        unknown = {path.name for path in unreadable}
        for name in sorted(found.keys() | self._models.keys() - unknown):
            self._scan_model(name, found.get(name, {}))

    def _scan_model(self, name: str, found: dict[int, Path]) -> None:
        with self._lock:
            versions = self._models.setdefault(name, {})
        kept: list[int] = []
        for number in sorted(found, reverse=True):
            if len(kept) < self._keep and self._is_loaded(name, versions, number, found[number]):
                kept.append(number)
        with self._lock:
            old = [v for v in versions.values() if v.state == "AVAILABLE" and v.number not in kept]
            for version in old:
                version.state = "UNLOADING"
                self._let_go_when_free(version)
            for number in versions.keys() - found.keys():
                versions[number].error = ""  # a broken version that was deleted is nobody's trouble any more
        for version in old:
            why = "a newer one has taken over" if version.number in found else "it was deleted"
            _log.info("%s: version %d is let go: %s", name, version.number, why)

    def _is_loaded(self, name: str, versions: dict[int, Version], number: int, directory: Path) -> bool:
        """Loads a version, unless it is there already or cannot be loaded as it is."""
        with self._lock:
            version = versions.setdefault(number, Version(number))
            if version.state == "AVAILABLE":
                return True
            if version.state == "UNLOADING":
                return False
        files = _fingerprint(directory)
        if version.error and version.tried == files:
            return False
        with self._lock:
            version.state = "LOADING"
        try:
            servable = Servable(name, number, directory)
        except Exception as error:  # whatever a broken file can make TensorFlow raise
            self._report(name, version, directory, error, files)
            return False
        with self._lock:
            version.servable, version.state, version.error = servable, "AVAILABLE", ""
        _log.info("%s: version %d is served", name, number)
        return True

    def _report(self, name: str, version: Version, directory: Path, error: Exception, files: Fingerprint) -> None:
        reason = " ".join(str(getattr(error, "message", error)).split())[:300]
        message = f"{directory}: cannot be loaded ({reason or type(error).__name__})"
        with self._lock:
            known = version.error == message
            version.state, version.error, version.tried = "END", message, files
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
                _log.exception("%s: could not be looked through; it is tried again", self._base)
            if self._garbage:
                self._garbage = False
                gc.collect()  # a loaded SavedModel holds itself in circles

    def _complain(self, unreadable: Mapping[Path, OSError]) -> None:
        """Logs what cannot be read, each folder once."""
        for folder in unreadable.keys() - self._complained_of:
            _log.error("%s: cannot be read (%s); what is loaded is served on", folder, unreadable[folder].strerror)
        self._complained_of = set(unreadable)


def _models(base: Path) -> tuple[dict[str, dict[int, Path]], dict[Path, OSError]]:
    """The versions of each model that are in the directory, and the folders in it that cannot be read."""
    found, unreadable = {}, {}
    for folder in base.iterdir():
        if not MODEL_NAME.fullmatch(folder.name):
            continue
        try:
            versions = _versions(folder) if folder.is_dir() else {}
        except FileNotFoundError:  # it was deleted just now
            continue
        except OSError as error:
            unreadable[folder] = error
            continue
        if versions:
            found[folder.name] = versions
    return found, unreadable


def _versions(folder: Path) -> dict[int, Path]:
    """Versions in another format than a SavedModel are for others."""
    return {
        int(path.name): path
        for path in folder.iterdir()
        if VERSION_NUMBER.fullmatch(path.name) and path.is_dir() and not _is_foreign(path)
    }


def _is_foreign(version: Path) -> bool:
    return any(any(version.glob(f"*{ending}")) for name, ending in ENDINGS.items() if name != SAVED_MODEL)


def _fingerprint(directory: Path) -> Fingerprint:
    """What changes while files are being copied."""
    found = []
    with contextlib.suppress(OSError):  # gone since, or not for us to read: loading it says so
        for path in sorted(directory.rglob("*")):
            stat = path.stat()
            found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _check(base: Path) -> None:
    if not base.is_dir():
        raise UsageError(f"{base}: no such directory of models (ganzoo export --out {base} makes one)")
    try:
        (found, unreadable), itself = _models(base), _versions(base)
    except OSError as error:
        raise UsageError(f"{base}: cannot be read ({error.strerror})") from None
    if itself and not found:
        raise UsageError(f"{base}: is one model, the directory above it is wanted: {base.resolve().parent}")
    if not found and unreadable:
        folder, why = next(iter(unreadable.items()))
        raise UsageError(f"{folder}: cannot be read ({why.strerror})")
    if not found:
        raise UsageError(f"{base}: holds no export, NAME/VERSION/saved_model.pb (ganzoo export --out {base} makes one)")
