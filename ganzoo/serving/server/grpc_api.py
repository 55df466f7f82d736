"""gRPC API: PredictionService and ModelService, with the official stubs of tensorflow-serving-api."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from ganzoo.serving.server.metrics import Metrics
from ganzoo.serving.server.proto_codec import ProtoExchange, signature_map, status_response
from ganzoo.serving.server.service import Service
from ganzoo.serving.server.settings import Settings
from ganzoo.serving.server.status import ServingError, invalid

SIGNATURES = "signature_def"  # the only metadata field


def grpc_server(service: Service, metrics: Metrics, settings: Settings, connections: int) -> grpc.aio.Server:
    """Return a gRPC server for at most so many connections, without ports and not started."""
    header_ms, request_ms = (round(1000 * each) for each in (settings.header_seconds, settings.request_seconds))
    options = [
        ("grpc.max_receive_message_length", settings.request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_allowed_incoming_connections", connections),
        ("grpc.server_handshake_timeout_ms", header_ms),
        ("grpc.max_connection_idle_ms", header_ms),
        ("grpc.max_connection_age_ms", request_ms),  # else a call without its message lasts for ever
        ("grpc.max_connection_age_grace_ms", 2 * request_ms),  # for its message and its answer
        ("grpc.so_reuseport", 0),  # else a second server could bind the same port silently
    ]
    server = grpc.aio.server(
        interceptors=[_Decoding()], options=options, maximum_concurrent_rpcs=settings.open_requests
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(service, metrics, settings), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(service), server)
    return server


async def _unimplemented(self: Any, request: Any, context: grpc.aio.ServicerContext) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not supported by this server (use Predict)")


class _Decoding(grpc.aio.ServerInterceptor):
    """Answers a message that is no proto with INVALID_ARGUMENT; gRPC itself says INTERNAL and logs a traceback."""

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[grpc.RpcMethodHandler]], details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(details)
        if handler is None:  # no such method
            return None

        async def answer(content: bytes, context: grpc.aio.ServicerContext) -> Any:
            try:
                request = handler.request_deserializer(content)
            except DecodeError:
                return _refused(context, invalid("the message of the request is malformed"))
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, response_serializer=handler.response_serializer)


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, service: Service, metrics: Metrics, settings: Settings) -> None:
        self._service, self._metrics, self._settings = service, metrics, settings

    Classify = Regress = MultiInference = _unimplemented

    async def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.aio.ServicerContext
    ) -> predict_pb2.PredictResponse:
        left = context.time_remaining()  # None without a deadline
        most = self._settings.request_seconds
        try:
            with self._metrics.request("gRPC") as seen:
                exchange = ProtoExchange(request, self._settings.request_bytes)
                model, version = _asked(request)
                async with self._service.admitted(most if left is None else min(left, most), exchange.size):
                    return await self._service.predict(exchange, model, version, seen)
        except ServingError as error:
            return _refused(context, error)

    async def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.aio.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        try:
            model, version = _asked(request)
            if set(request.metadata_field) != {SIGNATURES}:
                raise invalid(f"metadata_field: expected ['{SIGNATURES}'], got {list(request.metadata_field)}")
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            with self._service.models.lease(model, version) as servable:
                response.model_spec.name = servable.model
                response.model_spec.version.value = servable.version
                response.metadata[SIGNATURES].Pack(signature_map(servable))
            return response
        except ServingError as error:
            return _refused(context, error)


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, service: Service) -> None:
        self._service = service

    HandleReloadConfigRequest = _unimplemented

    async def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.aio.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        try:
            return status_response(self._service.models.status(*_asked(request)))
        except ServingError as error:
            return _refused(context, error)


def _asked(request: Any) -> tuple[str, int | None]:
    """Return model and version in the ModelSpec of a request."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec: model_pb2.ModelSpec = request.model_spec
    if spec.WhichOneof("version_choice") == "version_label":
        raise ServingError("NOT_FOUND", "version labels are not supported by this server (give a version number)")
    return spec.name, spec.version.value if spec.HasField("version") else None


def _refused(context: grpc.aio.ServicerContext, error: ServingError) -> Any:
    """End a request with an error. `context.abort` would raise one that keeps the request alive, see `let_go`."""
    error.let_go()
    context.set_code(grpc.StatusCode[error.code])
    context.set_details(error.message)
