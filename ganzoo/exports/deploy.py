"""Files that run exported models under TensorFlow Serving, with Docker Compose or on Kubernetes."""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from ganzoo.core import files
from ganzoo.core.start import import_quietly
from ganzoo.errors import UsageError
from ganzoo.exports.rendering import IMAGE, Served, deployment, request

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# A Kubernetes Service name has at most 63 characters: "ganzoo-" and this.
MODEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,54}[A-Za-z0-9])?")
# host:port/name, then a version other than latest, or a digest.
PINNED = re.compile(r"[^\s:@]+(:\d+/[^\s:@]+)?(:(?!latest$)[\w.-]+|(:[\w.-]+)?@sha256:[0-9a-f]{64})", re.ASCII)


def write_deployment(
    exports: Sequence[str | Path], directory: str | Path, *, image: str = IMAGE, overwrite: bool = False
) -> list[Path]:
    """Write a directory of files that run exported models; its README.md describes each file.

    Args:
      exports: Directories of exported models, `BASE/NAME` with the versions inside, all in one BASE. The example in
        the README uses the first one.
      directory: Directory of the files; created if missing.
      image: Docker image of TensorFlow Serving, with a version or a digest.
      overwrite: Whether to replace existing files.

    Returns:
      Paths of models.config, batching.config and monitoring.config (text protos), docker-compose.yml, prometheus.yml,
      README.md and kubernetes/*.yaml. A server of a model that translates does not batch, and has no batching.config.

    Raises:
      UsageError: No exports, a directory that is not an export, two exports of one name or in different directories, a
        name that Kubernetes does not allow, an image without a version, or an existing file. Nothing is written.
      RunError: The directory cannot be written.
    """
    directory = Path(directory)
    if not PINNED.fullmatch(image):
        raise UsageError(f"image: expected an image with a version, got {image!r} (for example {IMAGE})")
    base = _common_base([Path(export) for export in exports])
    graphs = [_newest_graph(Path(export)) for export in exports]
    models = [_served(Path(export), graph) for export, graph in zip(exports, graphs, strict=True)]
    texts = deployment(
        models,
        resource=_resource_name([model.name for model in models]),
        image=image,
        base=_seen_from(directory, base),
        batching=not any(_translates(model) for model in models),
        request_rows=min(map(_request_rows, graphs)),
    )
    return _write(texts, directory, overwrite)


def check_before_export(name: str, directory: str | Path, overwrite: bool, beside: Iterable[Path] = ()) -> None:
    """Run the checks of `write_deployment` before the model is exported.

    Args:
      name: Name of the model.
      directory, overwrite: As for `write_deployment`.
      beside: Exports to deploy with it.

    Raises:
      UsageError: A name that Kubernetes does not allow, a directory that is not an export, or existing files.
    """
    for each in (name, *(export.name for export in beside)):
        _check_name(each)
    _check_free([Path(directory) / file for file in ("models.config", "docker-compose.yml", "README.md")], overwrite)
    for export in beside:
        _served(export, _newest_graph(export))


def _common_base(exports: Sequence[Path]) -> Path:
    """Return the common parent directory."""
    if not exports:
        raise UsageError("exports: expected the directory of at least one exported model, got none")
    first, *others = [export.resolve() for export in exports]
    _check_name(first.name)
    seen = {first}
    for export in others:
        _check_name(export.name)
        if export.name in {other.name for other in seen}:
            raise UsageError(f"{export}: expected one model of each name, got a second '{export.name}'")
        if export.parent != first.parent:
            raise UsageError(f"{export}: expected a directory beside {first}: a server has one directory of models")
        seen.add(export)
    return first.parent


def _check_name(name: str) -> None:
    if not MODEL_NAME.fullmatch(name):
        raise UsageError(
            f"name: expected 1 to 56 letters or digits, with '_', '.' and '-' between them, as in Kubernetes, got "
            f"{name!r} (export under another name)"
        )


def _resource_name(names: Sequence[str]) -> str:
    """Return the name of the Kubernetes resources: that of the model, if there is only one."""
    return "ganzoo-serving" if len(names) > 1 else "ganzoo-" + re.sub(r"[_.]", "-", names[0].lower())


def _newest_graph(export: Path) -> MetaGraphDef:
    """Return the graph of the newest version."""
    versions = {int(path.name): path for path in export.glob("*") if re.fullmatch(r"[0-9]+", path.name)}
    newest = versions[max(versions)] if versions else export / "1"
    file = newest / "saved_model.pb"
    if not file.is_file():
        raise UsageError(f"{export}: not an exported model: {file} does not exist (create one with ganzoo export)")
    import_quietly()
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString(file.read_bytes())
    except (DecodeError, OSError) as error:
        raise UsageError(f"{file}: cannot be read: {error} (export the model again)") from None
    return content.meta_graphs[0] if content.meta_graphs else content.meta_graphs.add()


def _served(export: Path, graph: MetaGraphDef) -> Served:
    signatures = {
        name: sorted(signature.inputs)
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")  # TensorFlow's own
    }
    model = Served(export.resolve().name, signatures)
    if request(model) is None:
        raise UsageError(f"{export}: has no signature of ganzoo that draws or translates (export the model again)")
    return model


def _translates(model: Served) -> bool:
    """Return whether the model translates, so that requests must not share a call.

    Their images would need one size, and would share the bound on pixels per call.
    """
    return any(set(inputs) & {"images", "image_bytes"} for inputs in model.signatures.values())


def _request_rows(graph: MetaGraphDef) -> int:
    """Return the largest number of images or points per call, the bound in the graph."""
    from ganzoo.exports import bounds

    images = graph.signature_def["generate"].outputs["images"].tensor_shape.dim
    pixels = math.prod(side.size for side in images[1:3])  # 1 for points, which have no images
    return max(1, min(bounds.MOST_ROWS, bounds.MOST_PIXELS // pixels))


def _seen_from(directory: Path, base: Path) -> str:
    """Return the path of the base relative to the Compose file, so that both can be moved together."""
    path = Path(os.path.relpath(base, directory.resolve())).as_posix()
    return path if path.startswith(".") else f"./{path}"


def _check_free(paths: Iterable[Path], overwrite: bool) -> None:
    for path in paths:
        if path.is_dir() or (path.exists() and not overwrite):
            mend = "" if path.is_dir() else ", or overwrite it: overwrite, --overwrite"
            raise UsageError(f"{path}: already exists (give another directory{mend})")


def _write(texts: Mapping[str, str], directory: Path, overwrite: bool) -> list[Path]:
    """Write all files or none: into a temporary directory first, then move each to its place."""
    paths = {name: directory / name for name in texts}
    _check_free(paths.values(), overwrite)
    try:
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".ganzoo-", dir=directory))
        try:
            for name, text in texts.items():
                files.write_text(temporary / name, text)
            for name, path in paths.items():
                os.replace(temporary / name, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise files.cannot_write(directory, error) from None
    return list(paths.values())
