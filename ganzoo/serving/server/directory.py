"""What lies in a directory of models: BASE/NAME/VERSION/ is version VERSION of the model NAME. Needs no TensorFlow."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.exports.formats import ENDINGS, LARGEST_VERSION, SAVED_MODEL

MODEL_NAME = re.compile(r"[^/:.][^/:]*")  # what a URL of TensorFlow Serving can ask for; hidden folders are none
VERSION_NUMBER = re.compile(rf"[0-9]{{1,{len(str(LARGEST_VERSION))}}}", re.ASCII)

Fingerprint = tuple[tuple[str, int, int], ...]


def models_in(base: Path) -> tuple[dict[str, dict[int, Path]], dict[Path, OSError]]:
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


def fingerprint(directory: Path) -> Fingerprint:
    """What changes while files are being copied, or are replaced."""
    found = []
    with contextlib.suppress(OSError):  # gone since, or not for us to read: loading it says so
        for path in sorted(directory.rglob("*")):
            stat = path.stat()
            found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def check(base: Path) -> None:
    """Raises UsageError if it is not there, cannot be read, or holds no export that can be served."""
    if not base.is_dir():
        raise UsageError(f"{base}: no such directory of models (ganzoo export --out {base} makes one)")
    try:
        (found, unreadable), itself = models_in(base), _versions(base)
    except OSError as error:
        raise UsageError(f"{base}: cannot be read ({error.strerror})") from None
    if itself and not found:
        raise UsageError(f"{base}: is one model, the directory above it is wanted: {base.resolve().parent}")
    if not found and unreadable:
        folder, why = next(iter(unreadable.items()))
        raise UsageError(f"{folder}: cannot be read ({why.strerror})")
    foreign = [path for path in base.glob("*/*") if VERSION_NUMBER.fullmatch(path.name) and _is_foreign(path)]
    if foreign and not found:
        raise UsageError(f"{foreign[0]}: is for another runtime (ganzoo export without --format makes what is served)")
    misnamed = next(base.glob("*/*/saved_model.pb"), None)
    if misnamed and not found:
        raise UsageError(f"{misnamed.parent}: a version's folder is called by a whole number, such as 1 (rename it)")
    if not found:
        raise UsageError(f"{base}: holds no export, NAME/VERSION/saved_model.pb (ganzoo export --out {base} makes one)")
