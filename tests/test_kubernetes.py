"""The manifest of a training on several pods: valid, and its parts agree with each other and with `ganzoo launch`."""

import shlex
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from ganzoo.cli.main import commands
from ganzoo.training.cluster import indexed_job_cluster

MANIFEST = Path(__file__).parent.parent / "docs" / "kubernetes" / "train_job.yaml"
TEXT = MANIFEST.read_text(encoding="utf-8")
SERVICE, CLAIM, JOB = yaml.safe_load_all(TEXT)
POD = JOB["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
ENVIRONMENT = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
COMMAND = [*CONTAINER["command"], *CONTAINER["args"]]


@pytest.mark.parametrize("resource", [SERVICE, CLAIM, JOB], ids=lambda resource: resource["kind"])
@pytest.mark.parametrize("version", ["1.33", kubernetes_validate.latest_version()])
def test_the_schemas_of_kubernetes_accept_it(resource, version):
    kubernetes_validate.validate(resource, version, strict=True)


def test_the_schemas_find_a_slip_of_the_pen():
    broken = {**JOB, "spec": {**JOB["spec"], "completionmode": "Indexed"}}
    with pytest.raises(kubernetes_validate.ValidationError, match="completionmode"):
        kubernetes_validate.validate(broken, "1.33", strict=True)


def test_as_many_workers_as_pods():
    spec = JOB["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(ENVIRONMENT["GANZOO_WORKERS"]) == 2


def names_that_the_service_gives():
    """What DNS knows in the Job's namespace: pod I of an indexed Job has the host name JOB-I, below its subdomain."""
    assert SERVICE["spec"]["clusterIP"] == "None"
    assert SERVICE["spec"]["selector"] == {"batch.kubernetes.io/job-name": JOB["metadata"]["name"]}
    assert POD["subdomain"] == SERVICE["metadata"]["name"]
    return [f"{JOB['metadata']['name']}-{index}.{POD['subdomain']}" for index in range(JOB["spec"]["completions"])]


@pytest.mark.parametrize("index", range(JOB["spec"]["completions"]))
def test_each_pod_finds_all_by_the_names_of_the_service(index):
    cluster = indexed_job_cluster({**ENVIRONMENT, "JOB_COMPLETION_INDEX": str(index)})
    (port,) = CONTAINER["ports"]
    assert cluster.index == index
    assert list(cluster.workers) == [f"{name}:{port['containerPort']}" for name in names_that_the_service_gives()]
    assert [port["containerPort"]] == [port["port"] for port in SERVICE["spec"]["ports"]]


def test_names_are_known_before_the_pods_are_ready():
    assert SERVICE["spec"]["publishNotReadyAddresses"] is True


def test_the_command():
    assert shlex.join(COMMAND) == (
        "ganzoo launch --kubernetes -- ganzoo train --model cgan --strategy multiworker --workdir /runs/cgan"
    )
    assert {"launch", "train"} <= set(commands())


def test_the_run_is_on_the_volume_that_all_pods_share():
    (mount,), (volume,) = CONTAINER["volumeMounts"], POD["volumes"]
    assert COMMAND[COMMAND.index("--workdir") + 1].startswith(mount["mountPath"] + "/")
    assert mount["name"] == volume["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == CLAIM["metadata"]["name"]
    assert CLAIM["spec"]["accessModes"] == ["ReadWriteMany"]


def test_a_dead_worker_is_made_anew_and_wrong_use_is_not():
    spec = JOB["spec"]
    assert POD["restartPolicy"] == "Never"  # what a pod failure policy asks for
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["backoffLimit"] >= 10 * spec["completions"] - 1  # when one dies the others fail, and all are counted
    wrong_use, disruption = spec["podFailurePolicy"]["rules"]
    assert wrong_use == {
        "action": "FailJob",
        "onExitCodes": {"containerName": CONTAINER["name"], "operator": "In", "values": [2]},
    }
    assert disruption == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}


def test_the_comments_say_what_to_change():
    changes = [line for line in TEXT.splitlines() if "# CHANGE:" in line]
    for word in ("storageClass", "completions:", "image:", "resources:", "args:"):
        assert any(word in line for line in changes) or f"# {word}" in TEXT, word
    assert "# nvidia.com/gpu: 1" in TEXT
