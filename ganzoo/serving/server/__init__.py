"""Local server of exported models with TensorFlow Serving's REST and gRPC APIs.

For a laptop and for tests; in production, use TensorFlow Serving (`ganzoo.exports.deploy`). Bottom up: `status`
(errors in both APIs), `metrics`, `servable` (one loaded version), `models` (the served versions), `batcher` (requests
to calls), `json_codec` and `proto_codec` (messages to arrays and back), `service` (request handling), `rest` and
`grpc_api` (the two APIs), `lifecycle` (start, signals, drain).
"""
