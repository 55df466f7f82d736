"""Closed-loop load test of a served model, compared with one client and with the SavedModel without a server.

`clients`, `direct` and `local` (the server) run in separate processes, `traffic` holds the figures of each turn,
`measure` runs the turns in order, and `report` holds the result.

Why not a load tester from PyPI: Locust has no gRPC client, and rounds the latencies behind its percentiles to two
digits. Others support only one of TensorFlow Serving's APIs. None compares with the bare SavedModel.
"""
