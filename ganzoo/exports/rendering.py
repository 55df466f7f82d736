"""Deployment files from the templates in `deployment/`.

`${name}` is replaced by a value; alone on a line, by lines with its indentation. Flags and fields follow the server's
source (github.com/tensorflow/serving: model_servers/main.cc, servables/tensorflow/session_bundle_config.proto,
batching/README.md); the image itself was never run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

TEMPLATES = Path(__file__).parent / "deployment"
IMAGE = "tensorflow/serving:2.21.0"  # the exporting TensorFlow's version; an older one may not load the model
REST_PORT = 8501  # also in the templates
MAX_BATCH_SIZE = 128  # measured, see docs/serving.md

# Description of each config in the README.
CONFIGS = {
    "models.config": "models, their directories and served versions; read again every 30 s",
    "batching.config": "batching of requests: starting values; measure them on your machine",
    "monitoring.config": "metrics for Prometheus at `/monitoring/prometheus/metrics`",
}

# Inputs of the example request.
VALUES = {"seeds": [0, 0], "truncation": 1.0, "labels": 3}
SAVE_PNG = (
    "python3 -c 'import base64, json, sys; "
    'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["predictions"][0]["b64"]))\''
)


@dataclass(frozen=True)
class Served:
    """Model of a deployment.

    Attributes:
      name: Name of the model on the server.
      signatures: Inputs of each signature by name.
    """

    name: str
    signatures: Mapping[str, Sequence[str]]


def deployment(
    models: Sequence[Served], *, resource: str, image: str, base: str, batching: bool, request_rows: int
) -> dict[str, str]:
    """Return the files of a deployment: name -> text.

    Args:
      models: At least one model; the README's example uses the first one, which needs a `request`.
      resource: Name of the server, and of all resources in the cluster.
      image: Docker image of TensorFlow Serving.
      base: Directory that holds the models' directories, absolute or relative to the Compose file.
      batching: Whether rows of several requests share a call.
      request_rows: Largest number of rows of one call that all models allow.
    """
    names = [model.name for model in models]
    health_check = _fill("health_check.sh", names=" ".join(names))
    flags = _fill("flags.yaml").splitlines(keepends=True)
    rows = [f"| `{model.name}` | {', '.join(f'`{name}`' for name in sorted(model.signatures))} |" for model in models]
    configs = {
        "models.config": _fill("models.config", models="".join(_fill("model.config", name=name) for name in names)),
        "batching.config": _fill(
            "batching.config", request_rows=request_rows, rows_together=min(MAX_BATCH_SIZE, request_rows)
        ),
        "monitoring.config": _fill("monitoring.config"),
    }
    if not batching:
        del configs["batching.config"]
    common = {
        "resource": resource,
        "flags": "".join(flag for flag in flags if batching or "batching" not in flag),
    }
    compose = {"image": _quoted(image), "base": _quoted(base), "health_check": _literal(health_check)}
    cluster = {
        "image": json.dumps(image),
        "health_check": health_check,
        "configs": "".join(f"{name}: |\n{indent(text, '  ')}" for name, text in configs.items()),
    }
    readme = {
        "image": image,
        "names": ", ".join(names),
        "first": names[0],
        "models": "\n".join(rows),
        "batching": _fill("batched.md" if batching else "not_batched.md"),
        "request": request(models[0]) or "",
        "configs": "\n".join(f"| `{name}` | {CONFIGS[name]} |" for name in configs),
    }
    manifests = sorted(f"kubernetes/{path.name}" for path in (TEMPLATES / "kubernetes").iterdir())
    return {
        **configs,
        "docker-compose.yml": _fill("docker-compose.yml", **common, **compose),
        "prometheus.yml": _fill("prometheus.yml", **common),
        "README.md": _fill("README.md", **common, **readme),
        **{name: _fill(name, **common, **cluster) for name in manifests},
    }


def request(model: Served) -> str | None:
    """Return a shell command that requests an image (or points); None for a model without a known signature."""
    url = f"http://127.0.0.1:{REST_PORT}/v1/models/{model.name}:predict"
    known = {name: inputs for name, inputs in model.signatures.items() if set(inputs) <= VALUES.keys()}
    if inputs := known.get("generate_png"):
        return f"{_ask(url, 'generate_png', inputs)} |\n  {SAVE_PNG} > {model.name}.png"
    for signature, inputs in sorted(model.signatures.items()):
        if signature.endswith("_bytes") and list(inputs) == ["image_bytes"]:
            body = json.dumps({"signature_name": signature, "instances": [{"image_bytes": {"b64": "%s"}}]})
            return (
                f"printf '{body}' \"$(base64 < photo.jpg | tr -d '\\n')\" |\n"
                f"  curl --fail-with-body --silent --data @- {url} |\n  {SAVE_PNG} > {model.name}.png"
            )
    if inputs := known.get("generate"):
        return _ask(url, "generate", inputs)
    return None


def _ask(url: str, signature: str, inputs: Sequence[str]) -> str:
    row = {name: VALUES[name] for name in inputs}
    body = json.dumps({"signature_name": signature, "instances": [row]})
    return f"curl --fail-with-body --silent --data '{body}' \\\n  {url}"


def _fill(template: str, **values: object) -> str:
    def filled(found: re.Match[str]) -> str:
        value = str(values[found["key"]])
        return value if found["indent"] is None else indent(value.rstrip("\n"), found["indent"])

    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return re.sub(r"(?m)(?:^(?P<indent> *)(?=\$\{\w+\}$))?\$\{(?P<key>\w+)\}", filled, text)


def _quoted(text: str) -> str:
    """Return a YAML string that Compose takes literally."""
    return json.dumps(_literal(text), ensure_ascii=False)


def _literal(text: str) -> str:
    """Escape dollars, as Compose replaces $NAME."""
    return text.replace("$", "$$")
