"""Writes the files that run exported models under TensorFlow Serving: by Docker Compose, on Kubernetes."""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from ganzoo import files
from ganzoo.errors import UsageError
from ganzoo.exports import bounds
from ganzoo.exports.rendering import IMAGE, Served, deployment, request

# The name of a Kubernetes Service has 63 characters at most, "ganzoo-" and this.
MODEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,54}[A-Za-z0-9])?")
# host:port/name, then a version other than latest, or a digest.
PINNED = re.compile(r"[^\s:@]+(:\d+/[^\s:@]+)?(:(?!latest$)[\w.-]+|(:[\w.-]+)?@sha256:[0-9a-f]{64})", re.ASCII)


def write_deployment(
    exports: Sequence[str | Path], directory: str | Path, *, image: str = IMAGE, overwrite: bool = False
) -> list[Path]:
    """Writes a directory of files that run exported models; its README.md says what each is for.

    Args:
      exports: what `ganzoo.export` wrote, `BASE/NAME` (with its versions inside), all below one BASE. The README's
        example is for the first one.
      directory: for the files; made if it is not there.
      image: of TensorFlow Serving, with a version or a digest.
      overwrite: replace files that are there.

    Returns:
      The files: models.config, batching.config and monitoring.config (text protos), docker-compose.yml,
      prometheus.yml, README.md and kubernetes/*.yaml. Where a model translates there is no batching, and no config
      of it.

    Raises:
      UsageError: no exports, one that is none, two of one name or in different places, a name that Kubernetes cannot
        take, an image without a version, a file that is there already. Nothing is written.
      RunError: the directory cannot be written.
    """
    directory = Path(directory)
    if not PINNED.fullmatch(image):
        raise UsageError(f"image: {image!r} given, one with a version wanted (for example {IMAGE})")
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
    """Refuses what `write_deployment` would refuse once the model is exported.

    Args:
      name: of the model.
      directory, overwrite: as for `write_deployment`.
      beside: the exports that are to be deployed with it.

    Raises:
      UsageError: a name that Kubernetes cannot take, an export that is none, or files that are there already.
    """
    _check_name(name)
    for export in beside:
        _check_name(export.name)
        _served(export, _newest_graph(export))
    _check_free([Path(directory) / file for file in ("models.config", "docker-compose.yml", "README.md")], overwrite)


def _common_base(exports: Sequence[Path]) -> Path:
    """The directory above all of them."""
    if not exports:
        raise UsageError("exports: none given, the directory of at least one exported model wanted")
    first, *others = [export.resolve() for export in exports]
    _check_name(first.name)
    seen = {first}
    for export in others:
        _check_name(export.name)
        if export.name in {other.name for other in seen}:
            raise UsageError(f"{export}: a second model of the name '{export.name}' (a server knows one)")
        if export.parent != first.parent:
            raise UsageError(
                f"{export}: does not lie beside {first} (one server has one directory of models: export both there)"
            )
        seen.add(export)
    return first.parent


def _check_name(name: str) -> None:
    if not MODEL_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r}: no name that Kubernetes can take (1 to 56 letters, digits and '_', '.', '-' between them): "
            "export under another"
        )


def _resource_name(names: Sequence[str]) -> str:
    """What the resources of Kubernetes are called: after the model, if there is one alone."""
    return "ganzoo-serving" if len(names) > 1 else "ganzoo-" + re.sub(r"[_.]", "-", names[0].lower())


def _newest_graph(export: Path) -> MetaGraphDef:
    """What the newest version says of itself."""
    versions = {int(path.name): path for path in export.glob("*") if re.fullmatch(r"[0-9]+", path.name)}
    newest = versions[max(versions)] if versions else export / "1"
    file = newest / "saved_model.pb"
    if not file.is_file():
        raise UsageError(f"{export}: is no exported model ({file} is not there): make one with ganzoo export")
    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString(file.read_bytes())
    except (DecodeError, OSError) as error:
        raise UsageError(f"{file}: cannot be read ({error}): export the model again") from None
    return content.meta_graphs[0] if content.meta_graphs else MetaGraphDef()


def _served(export: Path, graph: MetaGraphDef) -> Served:
    signatures = {
        name: sorted(signature.inputs)
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")  # TensorFlow's own
    }
    model = Served(export.resolve().name, signatures)
    if request(model) is None:
        raise UsageError(f"{export}: has no signature of ganzoo's that draws or translates: export it again")
    return model


def _translates(model: Served) -> bool:
    """Whether rows of several requests should not meet in one call.

    They would have to be images of one size, and share a bound on pixels that each request keeps by itself.
    """
    return any(set(inputs) & {"images", "image_bytes"} for inputs in model.signatures.values())


def _request_rows(graph: MetaGraphDef) -> int:
    """How many images, or points, a model draws in one call: what its graph allows."""
    images = graph.signature_def["generate"].outputs["images"].tensor_shape.dim
    pixels = math.prod(side.size for side in images[1:3])  # 1 for points, which have no images
    return max(1, min(bounds.MOST_ROWS, bounds.MOST_PIXELS // pixels))


def _seen_from(directory: Path, base: Path) -> str:
    """The base as the Compose file names it: relative, so that both can be moved together."""
    path = Path(os.path.relpath(base, directory.resolve())).as_posix()
    return path if path.startswith(".") else f"./{path}"


def _check_free(paths: Iterable[Path], overwrite: bool) -> None:
    for path in paths:
        if path.is_dir() or (path.exists() and not overwrite):
            mend = "" if path.is_dir() else ", or overwrite it: overwrite, --overwrite"
            raise UsageError(f"{path}: is there already (give another directory{mend})")


def _write(texts: Mapping[str, str], directory: Path, overwrite: bool) -> list[Path]:
    """Writes all files, or none: they are made in a folder of their own first, and then moved to their places."""
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
