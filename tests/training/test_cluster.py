"""TF_CONFIG and a Kubernetes job's environment: what is right is read, what is wrong is told in one line."""

import json

import pytest

from ganzoo.errors import UsageError
from ganzoo.training.cluster import Cluster, indexed_job_cluster, read_cluster, tf_config

WORKERS = ["a:1", "b.c:65535", "[::1]:2222"]
HOST = "ganzoo-train-{index}.ganzoo-train:2222"
JOB = {"JOB_COMPLETION_INDEX": "1", "GANZOO_WORKERS": "2", "GANZOO_WORKER_HOST": "train-{index}.train:2222"}


def environ(cluster, task):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


@pytest.mark.parametrize("variables", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": " \n"}])
def test_without_tf_config_there_is_no_cluster(variables):
    assert read_cluster(variables) is None


@pytest.mark.parametrize("index", [0, 1, 2])
def test_what_is_written_is_read(index):
    cluster = read_cluster({"TF_CONFIG": tf_config(WORKERS, index)})
    assert cluster == Cluster(("a:1", "b.c:65535", "[::1]:2222"), index)
    assert cluster.size == 3


def test_the_form_is_tensorflows():
    assert json.loads(tf_config(WORKERS, 2)) == {
        "cluster": {"worker": ["a:1", "b.c:65535", "[::1]:2222"]},
        "task": {"type": "worker", "index": 2},
    }


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(["a:1"], 0))
    assert read_cluster() == Cluster(("a:1",), 0)


TASK = {"type": "worker", "index": 0}
TWO = {"worker": ["a:1", "b:1"]}
MEND = '(write it like {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}})'
ONLY = 'only workers are supported (list all under "worker"; the first of them is the chief)'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'cluster'", f"not JSON (Expecting property name enclosed in double quotes at character 2) {MEND}"),
        ('["a:1"]', f'expected a mapping, got ["a:1"] {MEND}'),
        ("null", f"expected a mapping, got null {MEND}"),
        ("{}", f"cluster.worker is missing {MEND}"),
        ('{"cluster": ["a:1"]}', f"cluster.worker is missing {MEND}"),
        ('{"cluster": {}}', f"cluster.worker is missing {MEND}"),
    ],
)
def test_a_tf_config_of_another_form(text, message):
    with pytest.raises(UsageError) as raised:
        read_cluster({"TF_CONFIG": text})
    assert str(raised.value) == f"TF_CONFIG: {message}"


@pytest.mark.parametrize(
    ("cluster", "task", "message"),
    [
        ({"worker": []}, TASK, f"cluster.worker: expected a list of addresses, got [] {MEND}"),
        ({"worker": "a:1"}, TASK, f'cluster.worker: expected a list of addresses, got "a:1" {MEND}'),
        ({"worker": ["a"]}, TASK, f'cluster.worker: expected host:port, got "a" {MEND}'),
        ({"worker": ["a:"]}, TASK, f'cluster.worker: expected host:port, got "a:" {MEND}'),
        ({"worker": [":1"]}, TASK, f'cluster.worker: expected host:port, got ":1" {MEND}'),
        ({"worker": ["a:0"]}, TASK, f'cluster.worker: expected host:port, got "a:0" {MEND}'),
        ({"worker": ["a:65536"]}, TASK, f'cluster.worker: expected host:port, got "a:65536" {MEND}'),
        ({"worker": ["grpc://a:1"]}, TASK, f'cluster.worker: expected host:port, got "grpc://a:1" {MEND}'),
        ({"worker": ["a:1\n"]}, TASK, f'cluster.worker: expected host:port, got "a:1\\n" {MEND}'),
        ({"worker": [7]}, TASK, f"cluster.worker: expected host:port, got 7 {MEND}"),
        ({"worker": ["a:1", "b:1", "a:1"]}, TASK, f'cluster.worker: "a:1" is listed twice {MEND}'),
        ({"worker": ["a" * 99]}, TASK, f'cluster.worker: expected host:port, got "{"a" * 58}… {MEND}'),
        ({"chief": ["a:1"], "worker": ["b:1"]}, TASK, f"cluster.chief: {ONLY}"),
        ({"ps": ["a:1"]}, TASK, f"cluster.ps: {ONLY}"),
        (TWO, None, f"task is missing: it tells which of the workers this one is {MEND}"),
        (TWO, {"index": 0}, f"task.type is missing {MEND}"),
        (TWO, {"type": "chief", "index": 0}, f'task.type "chief": {ONLY}'),
        (TWO, {"type": "evaluator", "index": 0}, f'task.type "evaluator": {ONLY}'),
        (TWO, {"type": "worker"}, f"task.index is missing: it tells which of the workers this one is {MEND}"),
        (TWO, {"type": "worker", "index": "0"}, f'task.index: expected an integer, got "0" {MEND}'),
        (TWO, {"type": "worker", "index": 1.0}, f"task.index: expected an integer, got 1.0 {MEND}"),
        (TWO, {"type": "worker", "index": True}, f"task.index: expected an integer, got true {MEND}"),
        (
            TWO,
            {"type": "worker", "index": 2},
            f"task.index: expected 0 to 1, as cluster.worker has 2 entries, got 2 {MEND}",
        ),
        (
            TWO,
            {"type": "worker", "index": -1},
            f"task.index: expected 0 to 1, as cluster.worker has 2 entries, got -1 {MEND}",
        ),
    ],
)
def test_a_mistake_in_tf_config(cluster, task, message):
    with pytest.raises(UsageError) as raised:
        read_cluster(environ(cluster, task))
    assert str(raised.value) == f"TF_CONFIG: {message}"


def test_an_indexed_job():
    assert indexed_job_cluster(JOB) == Cluster(("train-0.train:2222", "train-1.train:2222"), 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "JOB_COMPLETION_INDEX",
            "",
            "JOB_COMPLETION_INDEX is not set (Kubernetes sets it in a job with completionMode: Indexed)",
        ),
        (
            "JOB_COMPLETION_INDEX",
            "one",
            'JOB_COMPLETION_INDEX: expected an integer of at least 0, got "one" (Kubernetes',
        ),
        (
            "JOB_COMPLETION_INDEX",
            "2",
            "JOB_COMPLETION_INDEX: expected less than GANZOO_WORKERS, 2, got 2 (set GANZOO_WORKERS to the completions "
            "of the job)",
        ),
        ("GANZOO_WORKERS", "", "GANZOO_WORKERS is not set (set it to the completions of the job)"),
        (
            "GANZOO_WORKERS",
            "0",
            'GANZOO_WORKERS: expected an integer of at least 1, got "0" (set it to the completions of the job)',
        ),
        ("GANZOO_WORKERS", "2.0", 'GANZOO_WORKERS: expected an integer of at least 1, got "2.0"'),
        ("GANZOO_WORKERS", "²", 'GANZOO_WORKERS: expected an integer of at least 1, got "²"'),
        (
            "GANZOO_WORKER_HOST",
            "",
            f"GANZOO_WORKER_HOST is not set (set it to the address of the workers, such as {HOST})",
        ),
        (
            "GANZOO_WORKER_HOST",
            "a:1",
            f'GANZOO_WORKER_HOST: expected host:port with {{index}} in it, such as {HOST}, got "a:1"',
        ),
        (
            "GANZOO_WORKER_HOST",
            "a-{index}",
            f'GANZOO_WORKER_HOST: expected host:port with {{index}} in it, such as {HOST}, got "a-{{index}}"',
        ),
        (
            "GANZOO_WORKER_HOST",
            "a-{i}-{index}:1",
            f'GANZOO_WORKER_HOST: expected host:port with {{index}} in it, such as {HOST}, got "a-{{i}}-{{index}}:1"',
        ),
    ],
)
@pytest.mark.parametrize("absent", [False, True])
def test_a_mistake_in_a_jobs_environment(name, value, message, absent):
    variables = {**JOB, name: value}
    if absent and not value:
        del variables[name]
    with pytest.raises(UsageError) as raised:
        indexed_job_cluster(variables)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
