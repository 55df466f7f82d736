"""A local server of exported models that speaks TensorFlow Serving's API, REST and gRPC.

For a laptop and for tests; in production TensorFlow Serving takes its place (`ganzoo.exports.deploy`). From the bottom
up: `status` (errors in both APIs), `metrics`, `servable` (one loaded version), `models` (the served versions),
`batcher` (requests to calls), `json_codec` and `proto_codec` (messages to arrays and back), `service` (handling of a
request), `rest` and `grpc_api` (the two APIs), `lifecycle` (start, signals, drain).
"""
