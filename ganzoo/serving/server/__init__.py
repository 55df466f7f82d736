"""A local server of exported models that speaks TensorFlow Serving's API, REST and gRPC.

For a laptop and for tests: production is TensorFlow Serving's job (`ganzoo.exports.deploy`). From the bottom up:
`status` (what is wrong, in both APIs' words), `metrics`, `servable` (one loaded version), `models` (which versions
are served), `batcher` (requests become calls), `json_codec` and `proto_codec` (messages become arrays), `service` (the
way of a request), `rest` and `grpc_api` (the two doors), `lifecycle` (start, signals, drain).
"""
