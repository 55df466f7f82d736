"""Client of exported models on TensorFlow Serving or `ganzoo serve`.

Bottom up: `metadata` (of a served model), `retries`, `rest` and `grpc_api` (the two APIs), `transport` (chooses one),
`connection` (versions, and calls in several requests), `client` (`generate` and `translate`).
"""
