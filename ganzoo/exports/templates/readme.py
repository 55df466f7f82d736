"""The README of a deployment: from its files to an answer, with requests that the chosen models understand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganzoo.exports.templates import model_server
from ganzoo.exports.templates.model_server import Server

# What the example asks for, of the inputs that ganzoo's signatures have.
VALUES = {"seeds": [0, 0], "truncation": 1.0, "labels": 3}
SAVE_PNG = (
    "python3 -c 'import base64, json, sys; "
    'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["predictions"][0]["b64"]))\''
)


@dataclass(frozen=True)
class Served:
    """A model of a deployment.

    Attributes:
      name: it is asked for by it.
      signatures: the names of its signatures, each with its inputs'.
    """

    name: str
    signatures: Mapping[str, Sequence[str]]


def request(model: Served) -> str | None:
    """A shell command that gets a picture from the server (points, if it draws none), or None: no known signature."""
    url = f"http://127.0.0.1:{model_server.REST_PORT}/v1/models/{model.name}:predict"
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


def readme(models: Sequence[Served], server: Server) -> str:
    """The text, in Markdown; its example is the first model's, which `request` has to know."""
    first = models[0]
    rest, grpc, poll = model_server.REST_PORT, model_server.GRPC_PORT, model_server.VERSION_POLL_SECONDS
    rows = "\n".join(f"| `{model.name}` | {', '.join(map(_code, sorted(model.signatures)))} |" for model in models)
    files = {
        "models.config": f"which models, where, which versions; read again every {model_server.CONFIG_POLL_SECONDS} s",
        "batching.config": "how rows of several requests are run together; start values: measure them on your machine",
        "monitoring.config": f"metrics for Prometheus at `{model_server.METRICS}`",
    }
    configs = "\n".join(f"| `{name}` | {files[name]} |" for name in server.configs)
    return f"""\
# {", ".join(server.names)} under TensorFlow Serving

Written by `ganzoo export --deploy` for `{server.image}`. Change what you like: ganzoo reads nothing here.

| model | signatures |
|---|---|
{rows}

{_BATCHED if server.batching else _NOT_BATCHED}

## On this machine

```bash
docker compose up --detach --wait
{request(first)}
```

`curl http://127.0.0.1:{rest}/v1/models/{first.name}/metadata` lists what each signature takes and gives.
gRPC is on port {grpc}. `docker compose logs serving` says why a model did not load; `docker compose down` ends it.

## On Kubernetes

Go through what is marked with CHANGE in `kubernetes/`, make the claim (`volume.yaml`), and copy the exported models to
it, each as `NAME/VERSION/`, in the way that your cluster has for that. Then:

```bash
kubectl apply --filename kubernetes/
kubectl rollout status deployment/{server.resource}
kubectl port-forward service/{server.resource} {rest}
```

and ask as above.

## A new version

`ganzoo export` the model again, to the same place, with the next `--version` (on Kubernetes: copy it under a name that
is no number, then rename it). Within {poll} seconds the server finds it, loads it, warms it up, and lets the old one go
only then. To go back, remove the new version's directory. Never export over a version that is served.

## The files

| file | what it says |
|---|---|
{configs}
| `docker-compose.yml` | the server on this machine, for this machine alone |
| `prometheus.yml` | where Prometheus finds the metrics |
| `kubernetes/` | the same server in a cluster: several pods, more under load; it carries its own copy of the configs |
"""


_BATCHED = """\
The server runs rows of several requests together (`batching.config`). A request with an impossible value, such as a
label that the model does not have, fails together with those that share its batch: check what you let through."""
_NOT_BATCHED = """\
The server runs each request for itself: images that meet in one batch must have one size, and share what a model takes
in one call, so that requests which are right by themselves could fail together. Models that draw are better off in a
deployment of their own, with batching."""


def _ask(url: str, signature: str, inputs: Sequence[str]) -> str:
    row = {name: VALUES[name] for name in inputs}
    body = json.dumps({"signature_name": signature, "instances": [row]})
    return f"curl --fail-with-body --silent --data '{body}' \\\n  {url}"


def _code(name: str) -> str:
    return f"`{name}`"
