"""The files of a deployment: read by the parsers of those that will read them, and nothing half written.

Neither Docker nor Kubernetes runs here: what is checked is that each file is valid and that they agree.
"""

import base64
import http.server
import importlib.resources
import json
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.config import model_server_config_pb2

from ganzoo.errors import RunError, UsageError
from ganzoo.exports import bounds
from ganzoo.exports.deploy import write_deployment

DRAWN = ["labels", "seeds", "truncation"]
CONDITIONAL = {"decode": ["labels", "latents"], "generate": DRAWN, "generate_png": DRAWN, "serving_default": DRAWN}
POINTS = {"generate": ["seeds", "truncation"], "serving_default": ["seeds", "truncation"]}
TRANSLATION = {
    "serving_default": ["images"],
    "translate_to_monet": ["images"],
    "translate_to_monet_bytes": ["image_bytes"],
    "translate_to_photo_bytes": ["image_bytes"],
}
CONFIGS = {"models.config", "batching.config", "monitoring.config"}
MANIFESTS = {"autoscaler", "configmap", "deployment", "disruption_budget", "service", "volume"}
ALL = {
    *CONFIGS,
    "docker-compose.yml",
    "prometheus.yml",
    "README.md",
    *(f"kubernetes/{name}.yaml" for name in MANIFESTS),
}


def make_export(base, name="cgan_mnist", signatures=CONDITIONAL, versions=("1",), side=28):
    """A directory that looks like an export: a SavedModel that has signatures and no functions."""
    content = saved_model_pb2.SavedModel()
    graph = content.meta_graphs.add()
    for signature, inputs in signatures.items():
        for key in inputs:
            graph.signature_def[signature].inputs[key].name = f"{signature}_{key}:0"
        output = graph.signature_def[signature].outputs["images" if side else "points"]
        for size in (-1, side, side, 1) if side else (-1, 2):
            output.tensor_shape.dim.add(size=size)
    graph.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"].name = "NoOp"
    for version in versions:
        directory = base / name / version
        directory.mkdir(parents=True)
        (directory / "saved_model.pb").write_bytes(content.SerializeToString())
    return base / name


@pytest.fixture
def exports(tmp_path):
    return [
        make_export(tmp_path / "exports", "cgan_mnist", versions=("1", "2")),
        make_export(tmp_path / "exports", "gan_ring", POINTS, side=0),
    ]


@pytest.fixture
def deployed(exports, tmp_path):
    write_deployment(exports, tmp_path / "deploy")
    return tmp_path / "deploy"


@pytest.fixture
def one(exports, tmp_path):
    """The deployment of a single model."""
    write_deployment(exports[:1], tmp_path / "one")
    return tmp_path / "one"


@pytest.fixture
def translating(tmp_path):
    path = make_export(tmp_path / "paintings", "cyclegan_monet", TRANSLATION)
    write_deployment([path], tmp_path / "translating")
    return tmp_path / "translating"


def read(directory, name):
    return (directory / name).read_text(encoding="utf-8")


def compose_of(directory):
    return yaml.safe_load(read(directory, "docker-compose.yml"))["services"]["serving"]


def manifest(directory, name):
    return yaml.safe_load(read(directory, f"kubernetes/{name}.yaml"))


def container_of(directory):
    (container,) = manifest(directory, "deployment")["spec"]["template"]["spec"]["containers"]
    return container


def commands(directory):
    """The README's blocks of shell commands."""
    return [block.split("\n```")[0] for block in read(directory, "README.md").split("```bash\n")[1:]]


# tensorflow-serving-api has no module for these two: their fields (name, number, type) as of TensorFlow Serving 2.20,
# servables/tensorflow/session_bundle_config.proto and config/monitoring_config.proto.
INT, BOOL = ".google.protobuf.Int64Value", ".google.protobuf.BoolValue"
FIELDS = {
    "BatchingParameters": [
        ("max_batch_size", 1, INT),
        ("batch_timeout_micros", 2, INT),
        ("max_enqueued_batches", 3, INT),
        ("num_batch_threads", 4, INT),
        ("enable_large_batch_splitting", 8, BOOL),
        ("max_execution_batch_size", 9, INT),
    ],
    "PrometheusConfig": [("enable", 1, "bool"), ("path", 2, "string")],
    "MonitoringConfig": [("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig")],
}


@pytest.fixture(scope="module")
def message():
    """`message(NAME)` is an empty message of one of FIELDS."""
    file = descriptor_pb2.FileDescriptorProto(
        name="serving.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    kinds = {"bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL, "string": 9}
    for name, fields in FIELDS.items():
        described = file.message_type.add(name=name)
        for field, number, kind in fields:
            added = described.field.add(name=field, number=number, label=1, type=kinds.get(kind, 11))
            if kind not in kinds:
                added.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.serving.{name}"))()


def test_all_files_and_nothing_else(exports, tmp_path):
    directory = tmp_path / "deep" / "deploy"
    written = write_deployment(exports, directory)
    assert {path.relative_to(directory).as_posix() for path in written} == ALL
    assert {path for path in directory.rglob("*") if path.is_file()} == set(written)
    umask = os.umask(0)
    os.umask(umask)
    for path in written:  # the server is another user
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask
        assert path.parent.stat().st_mode & 0o777 == 0o777 & ~umask


def test_models_config(deployed):
    config = text_format.Parse(read(deployed, "models.config"), model_server_config_pb2.ModelServerConfig())
    models = config.model_config_list.config
    assert [(model.name, model.base_path) for model in models] == [
        ("cgan_mnist", "/models/cgan_mnist"),
        ("gan_ring", "/models/gan_ring"),
    ]
    for model in models:
        assert model.model_platform == "tensorflow"
        assert model.model_version_policy.WhichOneof("policy_choice") == "latest"
        assert model.model_version_policy.latest.num_versions == 1
        assert not model.version_labels


def test_the_hints_in_models_config_are_valid_too(deployed):
    text = read(deployed, "models.config").replace("# version_labels", "version_labels")
    text = text.replace("latest { num_versions: 1 }", "specific { versions: 1 }")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    for model in config.model_config_list.config:
        assert dict(model.version_labels) == {"stable": 1}
        assert list(model.model_version_policy.specific.versions) == [1]


def test_batching_config(deployed, message):
    batching = text_format.Parse(read(deployed, "batching.config"), message("BatchingParameters"))
    assert batching.max_execution_batch_size.value == 128
    assert batching.max_batch_size.value == bounds.MOST_ROWS
    assert batching.enable_large_batch_splitting.value is True
    assert batching.batch_timeout_micros.value == 2000
    assert batching.max_enqueued_batches.value == 16
    assert batching.num_batch_threads.value == 2


@pytest.mark.parametrize(
    ("side", "together", "request_rows"), [(64, 128, 1024), (256, 64, 64), (512, 16, 16), (1024, 4, 4)]
)
def test_rows_that_meet_stay_within_what_the_graph_allows(tmp_path, message, side, together, request_rows):
    """2**22 pixels in one call: 4 of 1024x1024."""
    path = make_export(tmp_path / "exports", side=side)
    small = make_export(tmp_path / "exports", "small")
    write_deployment([small, path], tmp_path / "deploy")
    batching = text_format.Parse(read(tmp_path / "deploy", "batching.config"), message("BatchingParameters"))
    assert batching.max_execution_batch_size.value == together
    assert batching.max_batch_size.value == request_rows
    assert together * side * side <= bounds.MOST_PIXELS


def test_models_that_translate_are_not_batched(translating):
    """Two requests of different sizes that meet would both fail, and so would two large ones."""
    assert not (translating / "batching.config").exists()
    assert "batching.config" not in manifest(translating, "configmap")["data"]
    for flags in (compose_of(translating)["command"], container_of(translating)["args"]):
        assert not [flag for flag in flags if "batching" in flag]
    assert "does not batch requests" in read(translating, "README.md")
    assert "`batching.config`" not in read(translating, "README.md")


def test_monitoring_config(deployed, message):
    monitoring = text_format.Parse(read(deployed, "monitoring.config"), message("MonitoringConfig"))
    assert monitoring.prometheus_config.enable is True
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"


@pytest.mark.parametrize("deployment", ["deployed", "one", "translating"])
def test_the_compose_specification_accepts_docker_compose(deployment, request):
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text(encoding="utf-8"))
    content = yaml.safe_load(read(request.getfixturevalue(deployment), "docker-compose.yml"))
    jsonschema.Draft202012Validator(schema).validate(content)
    content["services"]["serving"]["healthchek"] = {}
    with pytest.raises(jsonschema.ValidationError, match="healthchek"):
        jsonschema.Draft202012Validator(schema).validate(content)


def test_docker_compose(deployed):
    service = compose_of(deployed)
    assert service["image"] == "tensorflow/serving:2.21.0"
    assert service["entrypoint"] == ["tensorflow_model_server"]
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"] == "4g"
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["user"].split(":")[0] != "0"
    models, configs = service["volumes"]
    assert (models["source"], models["target"]) == ("../exports", "/models")
    assert (configs["source"], configs["target"]) == (".", "/config")
    assert models["read_only"] is configs["read_only"] is True
    assert not models["bind"]["create_host_path"]


def test_the_flags(deployed):
    service = compose_of(deployed)
    assert service["command"] == container_of(deployed)["args"]
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in service["command"])
    assert flags == {
        "port": "8500",
        "rest_api_port": "8501",
        "rest_api_timeout_in_ms": "30000",
        "grpc_channel_arguments": "grpc.max_connection_age_ms=20000",
        "model_config_file": "/config/models.config",
        "model_config_file_poll_wait_seconds": "30",
        "file_system_poll_wait_seconds": "5",
        "allow_version_labels_for_unavailable_models": "true",
        "enable_model_warmup": "true",
        "enable_batching": "true",
        "batching_parameters_file": "/config/batching.config",
        "monitoring_config_file": "/config/monitoring.config",
    }


def test_every_config_that_a_flag_names_is_there(deployed):
    named = {Path(flag.split("=")[1]).name for flag in compose_of(deployed)["command"] if "=/config/" in flag}
    assert named == CONFIGS == set(manifest(deployed, "configmap")["data"])
    for name in named:
        assert manifest(deployed, "configmap")["data"][name] == read(deployed, name)


def test_prometheus(deployed):
    (scraped,) = yaml.safe_load(read(deployed, "prometheus.yml"))["scrape_configs"]
    assert scraped["metrics_path"] == "/monitoring/prometheus/metrics"
    assert scraped["static_configs"] == [{"targets": ["127.0.0.1:8501"]}]
    assert scraped["job_name"] == "ganzoo-serving"


@pytest.mark.parametrize("name", sorted(MANIFESTS))
@pytest.mark.parametrize("version", ["1.33", kubernetes_validate.latest_version()])
def test_the_schemas_of_kubernetes_accept_the_manifests(deployed, one, translating, name, version):
    for directory in (deployed, one, translating):
        kubernetes_validate.validate(manifest(directory, name), version, strict=True)


def test_the_schemas_find_a_slip_of_the_pen(deployed):
    broken = manifest(deployed, "autoscaler")
    broken["spec"]["minreplicas"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="minreplicas"):
        kubernetes_validate.validate(broken, "1.33", strict=True)


@pytest.mark.parametrize(("deployment", "resource"), [("deployed", "ganzoo-serving"), ("one", "ganzoo-cgan-mnist")])
def test_the_manifests_agree(deployment, resource, request):
    directory = request.getfixturevalue(deployment)
    everything = {name: manifest(directory, name) for name in MANIFESTS}
    assert {resource["metadata"]["name"] for resource in everything.values()} == {resource}
    label = {"app.kubernetes.io/name": resource}
    pods = everything["deployment"]["spec"]["template"]
    assert pods["metadata"]["labels"] == label
    assert everything["deployment"]["spec"]["selector"]["matchLabels"] == label
    assert everything["service"]["spec"]["selector"] == label
    assert everything["disruption_budget"]["spec"]["selector"]["matchLabels"] == label
    target = everything["autoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", resource)
    assert "replicas" not in everything["deployment"]["spec"]  # else each apply would undo the autoscaler's work
    volumes = {volume["name"]: volume for volume in pods["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == resource
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == resource
    container = container_of(directory)
    assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
        "config": "/config",
        "models": "/models",
        "tmp": "/tmp",
    }
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {port["targetPort"]: port["port"] for port in everything["service"]["spec"]["ports"]} == ports


def test_a_pod_has_no_rights_that_it_does_not_need(deployed):
    pod = manifest(deployed, "deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    assert container_of(deployed)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(mount.get("readOnly") or mount["name"] == "tmp" for mount in container_of(deployed)["volumeMounts"])


def test_a_pod_that_goes_away_answers_what_it_has_first(deployed):
    """What it waits for: the longest request, and that every gRPC connection is renewed; then it may be ended."""
    pod = manifest(deployed, "deployment")["spec"]["template"]["spec"]
    _, seconds = container_of(deployed)["lifecycle"]["preStop"]["exec"]["command"]
    request_ms, connection_ms = 30_000, 20_000  # as in `test_the_flags`
    assert int(seconds) == 5 + request_ms / 1000
    assert int(seconds) > 1.1 * connection_ms / 1000  # gRPC adds up to a tenth at random
    assert pod["terminationGracePeriodSeconds"] > int(seconds)
    assert pod["shareProcessNamespace"] is True


class Status(http.server.BaseHTTPRequestHandler):
    """The answer of TensorFlow Serving to GET /v1/models/NAME."""

    states: dict[str, str] = {}  # noqa: RUF012, the test's own

    def do_GET(self):
        state = self.states.get(self.path.removeprefix("/v1/models/"))
        self.send_response(200 if state else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"model_version_status": [{"version": "1", "state": state}]}, indent=1).encode())

    def log_message(self, *_):
        pass


def test_the_health_check_asks_every_model(deployed):
    command = compose_of(deployed)["healthcheck"]["test"]
    assert command[0] == "CMD"
    script = command[3].replace("$$", "$")  # as Compose reads it
    assert container_of(deployed)["readinessProbe"]["exec"]["command"] == ["bash", "-c", script]
    server = http.server.HTTPServer(("127.0.0.1", 0), Status)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def healthy(**states):
        Status.states = states
        here = script.replace("/8501 ", f"/{server.server_port} ")
        return subprocess.run(["bash", "-c", here], timeout=20).returncode == 0

    try:
        assert healthy(cgan_mnist="AVAILABLE", gan_ring="AVAILABLE")
        assert not healthy(cgan_mnist="AVAILABLE", gan_ring="LOADING")
        assert not healthy(gan_ring="AVAILABLE")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not healthy(cgan_mnist="AVAILABLE", gan_ring="AVAILABLE")


def run_example(directory, tmp_path, answer):
    """Runs the README's example with a `curl` that keeps what it was given; returns that and the answer's file."""
    up, _, example = commands(directory)[0].partition("\n")
    assert up == "docker compose up --detach --wait"
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "curl").write_text(
        "#!/bin/bash\n"
        "while (($#)); do case $1 in --data) data=$2; shift;; http*) url=$1;; esac; shift; done\n"
        '[ "$data" = @- ] && data=$(cat)\n'
        'printf "%s\\n%s" "$url" "$data" > asked\n'
        "cat answer\n"
    )
    (tools / "curl").chmod(0o755)
    (tmp_path / "answer").write_text(json.dumps(answer))
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 1000)  # more than a command line can carry
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    url, body = (tmp_path / "asked").read_text().split("\n", 1)
    return url, json.loads(body), done.stdout


def test_the_example_draws(deployed, tmp_path):
    png = bytes([137, 80, 78, 71])
    answer = {"predictions": [{"b64": base64.b64encode(png).decode()}]}
    url, body, _ = run_example(deployed, tmp_path, answer)
    assert url == "http://127.0.0.1:8501/v1/models/cgan_mnist:predict"
    row = {"labels": 3, "seeds": [0, 0], "truncation": 1.0}
    assert body == {"signature_name": "generate_png", "instances": [row]}
    assert (tmp_path / "cgan_mnist.png").read_bytes() == png


def test_the_example_translates(translating, tmp_path):
    png = bytes([137, 80, 78, 71])
    answer = {"predictions": [{"b64": base64.b64encode(png).decode()}]}
    url, body, _ = run_example(translating, tmp_path, answer)
    assert url == "http://127.0.0.1:8501/v1/models/cyclegan_monet:predict"
    assert body["signature_name"] == "translate_to_monet_bytes"
    (row,) = body["instances"]
    assert base64.b64decode(row["image_bytes"]["b64"]) == (tmp_path / "photo.jpg").read_bytes()
    assert (tmp_path / "cyclegan_monet.png").read_bytes() == png


def test_the_example_of_points(exports, tmp_path):
    write_deployment(exports[1:], tmp_path / "points")
    url, body, out = run_example(tmp_path / "points", tmp_path, {"predictions": [[0.5, -1.0]]})
    assert url == "http://127.0.0.1:8501/v1/models/gan_ring:predict"
    assert body == {"signature_name": "generate", "instances": [{"seeds": [0, 0], "truncation": 1.0}]}
    assert json.loads(out) == {"predictions": [[0.5, -1.0]]}


def test_the_readme_names_the_models_and_the_files(deployed):
    text = read(deployed, "README.md")
    assert "| `cgan_mnist` | `decode`, `generate`, `generate_png`, `serving_default` |" in text
    assert "| `gan_ring` | `generate`, `serving_default` |" in text
    assert "__saved_model_init_op" not in text
    for name in ALL:
        assert f"`{name.split('/')[0]}" in text or name == "README.md"
    for block in commands(deployed):
        shlex.split(block)  # no open quotes


def test_odd_places(tmp_path):
    """A path that YAML and Compose would read in their own way; a deployment beside the models; another image."""
    path = make_export(tmp_path / 'it\'s $HOME: "x" #é')
    write_deployment([str(path)], str(tmp_path / "deploy"), image="registry:5000/serving@sha256:" + "0" * 64)
    service = compose_of(tmp_path / "deploy")
    assert service["volumes"][0]["source"] == '../it\'s $$HOME: "x" #é'
    assert service["image"] == container_of(tmp_path / "deploy")["image"] == "registry:5000/serving@sha256:" + "0" * 64
    write_deployment([path], path.parent)
    assert compose_of(path.parent)["volumes"][0]["source"] == "."
    write_deployment([path], path.parent.parent)
    assert compose_of(tmp_path)["volumes"][0]["source"] == './it\'s $$HOME: "x" #é'


def test_files_are_not_overwritten_unasked(deployed, exports):
    before = {name: read(deployed, name) for name in ALL}
    (deployed / "models.config").unlink()
    (deployed / "prometheus.yml").write_text("mine")
    with pytest.raises(UsageError, match=r"already exists \(give another directory, or overwrite it: overwrite, "):
        write_deployment(exports, deployed)
    assert not (deployed / "models.config").exists()
    assert read(deployed, "prometheus.yml") == "mine"
    (deployed / "notes").write_text("mine")
    write_deployment(exports, deployed, overwrite=True)
    assert {name: read(deployed, name) for name in ALL} == before
    assert read(deployed, "notes") == "mine"


def test_a_folder_in_the_place_of_a_file_stays(exports, tmp_path):
    (tmp_path / "deploy" / "README.md").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"README.md: already exists \(give another directory\)"):
        write_deployment(exports, tmp_path / "deploy", overwrite=True)
    assert [path.name for path in (tmp_path / "deploy").iterdir()] == ["README.md"]


def test_a_place_that_cannot_be_written_is_one_line(exports, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/deploy: cannot be written \(Not a directory\)"):
        write_deployment(exports, tmp_path / "file" / "deploy")


def test_a_disk_that_fills_up_leaves_nothing(exports, tmp_path, monkeypatch):
    calls = []

    def full(path, text):
        calls.append(path)
        if len(calls) == 8:
            raise RunError(f"{path}: cannot be written (No space left on device)")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    monkeypatch.setattr("ganzoo.core.files.write_text", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_deployment(exports, tmp_path / "deploy")
    assert not [path for path in (tmp_path / "deploy").rglob("*") if path.is_file()]


def test_a_file_in_the_place_of_the_folder_of_manifests(exports, tmp_path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "kubernetes").write_text("mine")
    with pytest.raises(RunError, match=r"deploy: cannot be written \(File exists\)"):
        write_deployment(exports, tmp_path / "deploy", overwrite=True)
    assert [path.name for path in (tmp_path / "deploy").iterdir()] == ["kubernetes"]


def test_no_exports(tmp_path):
    with pytest.raises(UsageError, match="exports: expected the directory of at least one exported model, got none"):
        write_deployment([], tmp_path / "deploy")
    assert not (tmp_path / "deploy").exists()


@pytest.mark.parametrize("made", ["nothing", "no version", "empty version", "newest is empty", "a version itself"])
def test_a_directory_that_is_no_export(tmp_path, made):
    path = tmp_path / "exports" / "cgan"
    if made == "no version":
        (path / "v1").mkdir(parents=True)
        (path / "v1" / "saved_model.pb").touch()
    elif made == "empty version":
        (path / "1").mkdir(parents=True)
    elif made == "newest is empty":
        make_export(path.parent, "cgan", versions=("9",))
        (path / "10").mkdir()
    elif made == "a version itself":
        path = make_export(tmp_path / "exports") / "1"
    with pytest.raises(UsageError, match=rf"{path.name}: not an exported model: .*saved_model.pb does not exist"):
        write_deployment([path], tmp_path / "deploy")
    assert not (tmp_path / "deploy").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "has no signature of ganzoo that draws or translates"), (b"\xff\xff", "saved_model.pb: cannot be read")],
)
def test_a_saved_model_that_says_nothing(tmp_path, content, message):
    path = make_export(tmp_path / "exports")
    (path / "1" / "saved_model.pb").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        write_deployment([path], tmp_path / "deploy")
    assert not (tmp_path / "deploy").exists()


def test_somebody_elses_saved_model(tmp_path):
    path = make_export(tmp_path / "exports", "resnet", {"serving_default": ["x"], "generate_png": ["prompt"]})
    with pytest.raises(UsageError, match="resnet: has no signature of ganzoo that draws or translates"):
        write_deployment([path], tmp_path / "deploy")


def test_two_models_of_one_name(tmp_path):
    first, second = make_export(tmp_path / "a"), make_export(tmp_path / "b")
    for pair in ([first, second], [first, first]):
        with pytest.raises(UsageError, match="expected one model of each name, got a second 'cgan_mnist'"):
            write_deployment(pair, tmp_path / "deploy")


def test_models_in_different_places(tmp_path):
    first, second = make_export(tmp_path / "a"), make_export(tmp_path / "b", "dcgan")
    with pytest.raises(UsageError, match=r"b/dcgan: expected a directory beside .*a/cgan_mnist"):
        write_deployment([first, second], tmp_path / "deploy")
    assert not (tmp_path / "deploy").exists()


@pytest.mark.parametrize("name", ["größe", "a b", "-cgan", "cgan_", "x" * 57, 'a"b', "a\n"])
def test_names_that_kubernetes_cannot_take(tmp_path, name):
    path = make_export(tmp_path / "exports", name)
    good = make_export(tmp_path / "exports", "cgan")
    for chosen in ([path], [good, path]):
        with pytest.raises(UsageError, match=r"name: expected 1 to 56 letters or digits, .* as in Kubernetes, got"):
            write_deployment(chosen, tmp_path / "deploy")
    assert not (tmp_path / "deploy").exists()


@pytest.mark.parametrize(
    ("name", "resource"),
    [("CGAN_v1.2", "ganzoo-cgan-v1-2"), ("x" * 56, "ganzoo-" + "x" * 56), ("7", "ganzoo-7")],
)
def test_names_of_resources(tmp_path, name, resource):
    write_deployment([make_export(tmp_path / "exports", name)], tmp_path / "deploy")
    assert manifest(tmp_path / "deploy", "service")["metadata"]["name"] == resource
    assert len(resource) <= 63
    config = text_format.Parse(read(tmp_path / "deploy", "models.config"), model_server_config_pb2.ModelServerConfig())
    assert config.model_config_list.config[0].base_path == f"/models/{name}"


@pytest.mark.parametrize(
    "image", ["", "tensorflow/serving", "tensorflow/serving:latest", "a b:1", "registry:5000/serving"]
)
def test_an_image_without_a_version(exports, tmp_path, image):
    with pytest.raises(
        UsageError, match=r"image: expected an image with a version, got .* \(for example tensorflow/serving:2"
    ):
        write_deployment(exports, tmp_path / "deploy", image=image)
    assert not (tmp_path / "deploy").exists()
