"""Client of exported models on TensorFlow Serving or `ganzoo serve`.

From the bottom up: `metadata` (of a served model), `retries`, `rest` and `grpc_api` (the two APIs), `transport` (the
choice between them), `connection` (versions, and calls in several requests), `client` (`generate` and `translate`).
"""
