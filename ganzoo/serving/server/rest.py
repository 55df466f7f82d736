"""REST API: TensorFlow Serving's paths and errors, with health and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from google.protobuf.message import Message  # type: ignore[import-untyped]
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from tensorflow_serving.apis import model_pb2

from ganzoo.serving.loopback import is_loopback
from ganzoo.serving.server.json_codec import JsonExchange
from ganzoo.serving.server.metrics import Metrics
from ganzoo.serving.server.proto_codec import signature_map, status_response
from ganzoo.serving.server.service import Admitted, Service
from ganzoo.serving.server.settings import Settings
from ganzoo.serving.server.status import ServingError, invalid

MODEL = "/v1/models/{model}"
VERSION = MODEL + "/versions/{version}"
PROBES = ["GET", "HEAD"]


def rest_app(service: Service, metrics: Metrics, settings: Settings) -> FastAPI:
    """Return the application for uvicorn."""
    # TensorFlow Serving documents its API.
    app = FastAPI(openapi_url=None, redirect_slashes=False, dependencies=[Depends(_own_origin)])
    if is_loopback(settings.host):  # a web page could give its own name this address
        hosts = [settings.host, "localhost", "127.0.0.1", "[::1]"]
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    models = service.models

    @app.post(MODEL + ":predict")
    @app.post(VERSION + ":predict")
    async def predict(request: Request, model: str, version: str | None = None) -> Response:
        with metrics.request("REST") as seen:
            async with service.admitted(settings.request_seconds) as admitted:
                admitted.whole = False
                body = await _body(request, settings.request_bytes, lambda size: service.hold(admitted, size))
                admitted.whole = True
                with _watched(request, admitted):
                    return _json(await service.predict(JsonExchange(body), model, _number(version), seen))

    @app.get(MODEL + ":{verb}")
    @app.get(VERSION + ":{verb}")
    async def wrong_method(request: Request) -> Response:
        raise _malformed(request.method, request.url.path)

    @app.get("/v1/models")
    async def all_models() -> Response:
        raise invalid("Missing model name in request.")  # in TensorFlow Serving, too

    @app.get(MODEL)
    @app.get(VERSION)
    async def status(model: str, version: str | None = None) -> Response:
        return _json(json.dumps(_words(status_response(models.status(model, _number(version))))))

    @app.get(MODEL + "/metadata")
    @app.get(VERSION + "/metadata")
    async def metadata(model: str, version: str | None = None) -> Response:
        with models.lease(model, _number(version)) as servable:
            spec = model_pb2.ModelSpec(name=servable.model)
            spec.version.value = servable.version
            signatures = signature_map(servable)
        return _json(json.dumps({"model_spec": _words(spec), "metadata": {"signature_def": _words(signatures)}}))

    @app.api_route("/healthz", methods=PROBES)
    async def healthy() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.api_route("/readyz", methods=PROBES)
    async def ready() -> Response:
        missing = models.without_version()
        if service.draining or missing:
            why = "the server is stopping" if service.draining else f"no version of {', '.join(missing)} is served"
            raise ServingError("UNAVAILABLE", why)
        return Response("ok\n", media_type="text/plain")

    @app.get("/metrics")
    async def page() -> Response:
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.exception_handler(ServingError)
    async def refused(request: Request, error: ServingError) -> Response:
        error.let_go()
        # The connection cannot be reused: the body may be unread, or the server stopping.
        ends = error.code in ("TOO_LARGE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNAVAILABLE")
        return _json(json.dumps({"error": error.message}), error.http, {"Connection": "close"} if ends else {})

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def no_such_path(request: Request, error: Exception) -> Response:
        return await refused(request, _malformed(request.method, request.url.path))

    return app


async def _own_origin(request: Request) -> None:
    """Refuse requests that a browser sends for a web page of another address."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise ServingError(
            "PERMISSION_DENIED", f"Origin: expected none, or the address of this server, got {origin[:100]}"
        )


async def _body(request: Request, most: int, hold: Callable[[int], None]) -> bytes:
    """Read the body of a request.

    Args:
      most: Largest size in bytes.
      hold: Function called with the size of each part; may raise.

    Raises:
      ServingError: TOO_LARGE, CANCELLED, INVALID_ARGUMENT.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise invalid(f"Content-Encoding: expected identity, got {encoding[:30]} (send the body uncompressed)")
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size <= most:
                hold(len(part))
                parts.append(part)
            elif size > 2 * most:  # discard less: a client that is still writing does not read the answer
                break
    except ClientDisconnect:
        raise ServingError("CANCELLED", "the client disconnected before its request was complete") from None
    if size > most:
        raise ServingError("TOO_LARGE", f"the body of the request is too large: expected at most {most} bytes")
    return b"".join(parts)


@contextlib.contextmanager
def _watched(request: Request, admitted: Admitted) -> Iterator[None]:
    """Cancel a complete request when its client disconnects."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        admitted.end(ServingError("CANCELLED", "the client disconnected before its answer"))

    watching = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        watching.cancel()


def _number(version: str | None) -> int | None:
    if version is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", version, re.ASCII):
        raise invalid(f"Failed to convert version: {version[:30]} to numeric.")
    return int(version)


def _malformed(method: str, path: str) -> ServingError:
    """Return the error for an unknown path."""
    if re.search(r":(classify|regress)$", path):
        return ServingError("UNIMPLEMENTED", "classify and regress are not supported by this server (use predict)")
    if "/labels/" in path:
        return ServingError("NOT_FOUND", "version labels are not supported by this server (use /versions/N)")
    message = f"Malformed request: {method} {path}"
    return invalid(message) if path.startswith("/v1/") else ServingError("NOT_FOUND", message)


def _words(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _json(content: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, headers, media_type="application/json")
