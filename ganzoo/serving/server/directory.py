"""Contents of a directory of models, without TensorFlow: BASE/NAME/VERSION/ is version VERSION of the model NAME."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.exports.formats import ENDINGS, LARGEST_VERSION, SAVED_MODEL

MODEL_NAME = re.compile(r"[^/:.][^/:]*")  # allowed in URLs of TensorFlow Serving; no hidden directories
VERSION_NUMBER = re.compile(rf"[0-9]{{1,{len(str(LARGEST_VERSION))}}}", re.ASCII)

Fingerprint = tuple[tuple[str, int, int], ...]


def models_in(base: Path) -> tuple[dict[str, dict[int, Path]], dict[Path, OSError]]:
    """Return the versions of each model in the directory, and its unreadable subdirectories."""
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
    """Return the SavedModel versions in the directory of a model."""
    return {
        int(path.name): path
        for path in folder.iterdir()
        if VERSION_NUMBER.fullmatch(path.name) and path.is_dir() and not _is_foreign(path)
    }


def _is_foreign(version: Path) -> bool:
    return any(any(version.glob(f"*{ending}")) for name, ending in ENDINGS.items() if name != SAVED_MODEL)


def fingerprint(directory: Path) -> Fingerprint:
    """Return sizes and times of the files, which change while files are copied or replaced."""
    found = []
    with contextlib.suppress(OSError):  # deleted or unreadable: loading reports it
        for path in sorted(directory.rglob("*")):
            stat = path.stat()
            found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def check(base: Path) -> None:
    """Raise UsageError for a directory that is missing, unreadable, or without an export that can be served."""
    if not base.is_dir():
        raise UsageError(f"{base}: no such directory of models (create one: ganzoo export --out {base})")
    try:
        (found, unreadable), itself = models_in(base), _versions(base)
    except OSError as error:
        raise UsageError(f"{base}: cannot be read ({error.strerror})") from None
    if itself and not found:
        raise UsageError(
            f"{base}: expected a directory of models, got one model (give the directory above: {base.resolve().parent})"
        )
    if not found and unreadable:
        folder, why = next(iter(unreadable.items()))
        raise UsageError(f"{folder}: cannot be read ({why.strerror})")
    foreign = [path for path in base.glob("*/*") if VERSION_NUMBER.fullmatch(path.name) and _is_foreign(path)]
    if foreign and not found:
        raise UsageError(f"{foreign[0]}: expected a SavedModel, got another format (export without --format)")
    misnamed = next(base.glob("*/*/saved_model.pb"), None)
    if misnamed and not found:
        raise UsageError(f"{misnamed.parent}: expected a version number such as 1 for a name (rename the directory)")
    if not found:
        raise UsageError(f"{base}: has no export NAME/VERSION/saved_model.pb (create one: ganzoo export --out {base})")
