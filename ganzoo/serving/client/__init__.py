"""A client of exported models on a server: TensorFlow Serving, or `ganzoo serve`.

From the bottom up: `metadata` (what a server says of a model), `retries` (what is tried again, and for how long),
`rest` and `grpc_api` (the two ways to ask), `transport` (which of them), `client` (`generate` and `translate`).
"""
