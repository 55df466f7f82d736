"""TensorFlow Serving's own part: its image, flags and three text protos, and the question whether its models answer.

What flags and fields do was read in the server's source (github.com/tensorflow/serving: model_servers/main.cc,
servables/tensorflow/session_bundle_config.proto, batching/README.md); nothing here was run against the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IMAGE = "tensorflow/serving:2.21.0"  # the TensorFlow that exports is the one that serves: an older one may not load
GRPC_PORT = 8500
REST_PORT = 8501
MODELS = "/models"  # directories inside the container
CONFIGS = "/config"
METRICS = "/monitoring/prometheus/metrics"

# Measured on 2 cores with `ganzoo serve`, whose batches are made alike, and cgan_mnist (docs/serving.md); where that
# decides nothing, after batching/README.md, "CPU-only: One Approach".
MAX_BATCH_SIZE = 128  # rows that run together: 20% more images/s than with 64, and 256 gain nothing
BATCH_TIMEOUT_MICROS = 2_000  # that a lone row waits for company: short beside a batch, which takes some milliseconds
MAX_ENQUEUED_BATCHES = 16  # twice what 64 clients with 16 rows each have waiting; beyond it UNAVAILABLE comes at once
NUM_BATCH_THREADS = 2  # batches at a time: 30% more images/s than one; two cores are what the Deployment asks for

REST_TIMEOUT_SECONDS = 30
VERSION_POLL_SECONDS = 5
CONFIG_POLL_SECONDS = 30
# A gRPC client keeps one connection for good. After this time it is asked to connect again: it finds new pods, and
# leaves one that is going away before that one ends.
CONNECTION_AGE_SECONDS = 20


@dataclass(frozen=True)
class Server:
    """A server of several models.

    Attributes:
      names: the models are asked for by them.
      resource: what it is called itself.
      image: of TensorFlow Serving.
      batching: run rows of several requests together.
      request_rows: that each of its models takes in one call.
    """

    names: Sequence[str]
    resource: str
    image: str
    batching: bool
    request_rows: int

    @property
    def flags(self) -> list[str]:
        return [
            f"--port={GRPC_PORT}",
            f"--rest_api_port={REST_PORT}",
            f"--rest_api_timeout_in_ms={1000 * REST_TIMEOUT_SECONDS}",
            f"--grpc_channel_arguments=grpc.max_connection_age_ms={1000 * CONNECTION_AGE_SECONDS}",
            f"--model_config_file={CONFIGS}/models.config",
            f"--model_config_file_poll_wait_seconds={CONFIG_POLL_SECONDS}",
            f"--file_system_poll_wait_seconds={VERSION_POLL_SECONDS}",
            "--allow_version_labels_for_unavailable_models=true",  # else it does not start with a label in the config
            "--enable_model_warmup=true",
            *(["--enable_batching=true", f"--batching_parameters_file={CONFIGS}/batching.config"] * self.batching),
            f"--monitoring_config_file={CONFIGS}/monitoring.config",
        ]

    @property
    def configs(self) -> dict[str, str]:
        """Each config's file name and text."""
        return {
            "models.config": _models_config(self.names),
            **({"batching.config": _batching_config(self.request_rows)} if self.batching else {}),
            "monitoring.config": _MONITORING_CONFIG,
        }

    @property
    def health_check(self) -> str:
        """A bash script that ends with 0 if each model has a version that answers (the image has no curl)."""
        return f"""\
for name in {" ".join(self.names)}; do
  exec 3<>/dev/tcp/127.0.0.1/{REST_PORT} || exit 1
  printf 'GET /v1/models/%s HTTP/1.0\\r\\n\\r\\n' "$name" >&3
  grep -q '"AVAILABLE"' <&3 || exit 1
done
"""


def _models_config(names: Sequence[str]) -> str:
    entries = "".join(
        f"""\
  config {{
    name: "{name}"
    base_path: "{MODELS}/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
    # version_labels {{ key: "stable" value: 1 }}
  }}
"""
        for name in names
    )
    return f"""\
# ModelServerConfig of TensorFlow Serving, read again every {CONFIG_POLL_SECONDS} seconds.
# A new version takes over once it is loaded and warm. "latest {{ num_versions: 2 }}" keeps the one before it at hand,
# for its memory; "specific {{ versions: 1 }}" holds on to one. A label gives a version a name for clients to ask for.
model_config_list {{
{entries}}}
"""


def _batching_config(request_rows: int) -> str:
    return f"""\
# BatchingParameters of TensorFlow Serving, read when it starts. Best on 2 cores of another machine: measure yours.

# Rows that run together. More of them are more images a second, until the cores are busy; then only the wait grows.
max_execution_batch_size {{ value: {min(MAX_BATCH_SIZE, request_rows)} }}

# Rows in one request, run in parts as large as the above. The models themselves take no more in one call.
max_batch_size {{ value: {request_rows} }}
enable_large_batch_splitting {{ value: true }}

# How long a row waits for company, in microseconds. What a quiet server adds to each answer; under load, next to none.
batch_timeout_micros {{ value: {BATCH_TIMEOUT_MICROS} }}

# Batches that may wait, for each signature; the next request gets UNAVAILABLE (HTTP 503) at once, and can try again.
max_enqueued_batches {{ value: {MAX_ENQUEUED_BATCHES} }}

# Batches that run at a time: the number of cores.
num_batch_threads {{ value: {NUM_BATCH_THREADS} }}
"""


_MONITORING_CONFIG = f"""\
# MonitoringConfig of TensorFlow Serving, read when it starts.
prometheus_config {{
  enable: true
  path: "{METRICS}"
}}
"""
