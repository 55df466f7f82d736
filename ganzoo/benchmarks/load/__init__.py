"""Load test of a served model: closed-loop clients, one client alone, and the SavedModel without a server, in turn.

`clients` and `direct` run in processes of their own, `local` starts the server in a third one, `traffic` holds the
figures of each turn, `measure` runs them in order, and `report` holds the result.

Why not a load tester from PyPI: Locust has no gRPC client, and rounds the latencies behind its percentiles to two
digits. Others speak only one of TensorFlow Serving's two APIs. None calls the SavedModel beside.
"""
