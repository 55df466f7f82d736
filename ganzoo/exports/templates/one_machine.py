"""Docker Compose and Prometheus on one machine."""

from __future__ import annotations

import json
from textwrap import indent

from ganzoo.exports.templates import model_server
from ganzoo.exports.templates.model_server import Server


def docker_compose(server: Server, base: str) -> str:
    """A Compose file that serves the models to this machine alone.

    Args:
      server: what to run.
      base: the directory above the models', absolute or seen from the Compose file.
    """
    flags = "\n".join(f"      - {flag}" for flag in server.flags)
    health = indent(_literal(server.health_check), " " * 10)
    return f"""\
# TensorFlow Serving on one machine: docker compose up --detach --wait
name: {server.resource}
services:
  serving:
    image: {_quoted(server.image)}
    platform: linux/amd64 # the official image exists for x86-64 alone
    entrypoint: [tensorflow_model_server] # the image's own adds a --model_name
    init: true # the server has no handler for SIGTERM, and a process 1 without one ignores it
    command:
{flags}
    ports: # CHANGE: without 127.0.0.1 the whole network gets in, and the server asks nobody for a password
      - "127.0.0.1:{model_server.GRPC_PORT}:{model_server.GRPC_PORT}" # gRPC
      - "127.0.0.1:{model_server.REST_PORT}:{model_server.REST_PORT}" # REST
    volumes:
      - type: bind
        source: {_quoted(base)}
        target: {model_server.MODELS}
        read_only: true
        bind: {{create_host_path: false}}
      - type: bind
        source: .
        target: {model_server.CONFIGS}
        read_only: true
        bind: {{create_host_path: false}}
    healthcheck:
      test:
        - CMD
        - bash
        - -c
        - |
{health}\
      interval: 10s
      timeout: 5s
      retries: 3
      start_period: 120s # models load and warm up before the server opens its ports
      start_interval: 1s
    restart: unless-stopped
    mem_limit: 4g # CHANGE: while a new version takes over, both are in memory
    user: "10001:10001" # nobody in particular: the exports must be readable by everybody
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
"""


def prometheus(server: Server) -> str:
    """A Prometheus config that reads the server's metrics."""
    return f"""\
# For a Prometheus on the same machine: prometheus --config.file=prometheus.yml
scrape_configs:
  - job_name: {server.resource}
    scrape_interval: 15s
    metrics_path: {model_server.METRICS}
    static_configs:
      - targets: ["127.0.0.1:{model_server.REST_PORT}"]
"""


def _quoted(text: str) -> str:
    """A YAML string that Compose takes literally."""
    return json.dumps(_literal(text), ensure_ascii=False)


def _literal(text: str) -> str:
    """Compose replaces $NAME; $$ is a dollar."""
    return text.replace("$", "$$")
