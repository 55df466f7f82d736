"""`ganzoo launch`: its flags, the command after `--`, and a pod of a Kubernetes job."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo.cli.launch import main

LAUNCHER = Path(__file__).parents[2] / "tools" / "launch.py"
JOB = {"JOB_COMPLETION_INDEX": "1", "GANZOO_WORKERS": "2", "GANZOO_WORKER_HOST": "train-{index}.train:2222"}


@pytest.fixture
def calls(monkeypatch):
    """The calls of `launch`, which launches nothing."""
    asked = []
    monkeypatch.setattr("ganzoo.cli.launch.launch", lambda *given, **named: asked.append((given, named)) or 0)
    return asked


def test_the_command_is_what_follows_the_first_dashes(calls, capsys):
    assert main(["--workers", "2", "--grace", "5", "--", "ganzoo", "train", "--help", "--", "--workers", "3"]) == 0
    assert calls == [((["ganzoo", "train", "--help", "--", "--workers", "3"], 2), {"grace": 5.0})]
    assert capsys.readouterr() == ("all workers are done\n", "")


def test_grace_is_30_seconds(calls):
    assert main(["--workers", "1", "--", "true"]) == 0
    assert calls == [((["true"], 1), {"grace": 30.0})]


def test_the_exit_code_is_the_workers(capsys):
    assert main(["--workers", "2", "--", "sh", "-c", "exit 7"]) == 7
    assert capsys.readouterr().out == "a worker ended with exit code 7\n"


def test_json_leaves_standard_output_to_the_result(capsys):
    assert main(["--workers", "2", "--json", "--", "echo", "hello"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"workers": 2, "code": 0}
    assert sorted(err.splitlines()) == ["[worker 0] hello", "[worker 1] hello"]


def test_quiet(capsys):
    assert main(["--workers", "1", "--quiet", "--", "echo", "hello"]) == 0
    assert capsys.readouterr() == ("[worker 0] hello\n", "")


def test_help(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "\nUsage: ganzoo launch (--workers N | --kubernetes) [flags] -- COMMAND …\n" in out
    assert "(default: 30.0)" in out


NO_COMMAND = (
    "expected a command after --, got none "
    "(for example: ganzoo launch --workers 2 -- ganzoo train --model cgan --strategy multiworker)"
)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", NO_COMMAND),
        ("--workers 2", NO_COMMAND),
        ("--workers 2 --", NO_COMMAND),
        ("--workers 2 ganzoo train --model cgan", NO_COMMAND),
        ("--kubernetes --", NO_COMMAND),
        ("-- true", "--workers is missing: for example --workers 2 (in a pod of a Kubernetes job: --kubernetes)"),
        ("--workers 0 -- true", "--workers: expected an integer of at least 1, got '0'"),
        ("--worker 2 -- true", "--worker: unknown flag (did you mean '--workers'?)"),
        ("--workers 2 --grace 0 -- true", "--grace: expected a number above 0, got '0'"),
        ("true -- true", "'true': unexpected argument (a value follows its flag: --flag value)"),
        (
            "--workers 2 --kubernetes -- true",
            "--kubernetes: does not go with --workers (this process becomes one worker)",
        ),
        (
            "--kubernetes --json -- true",
            "--kubernetes: does not go with --json (this process becomes one worker)",
        ),
        (
            "--kubernetes -- true",
            "JOB_COMPLETION_INDEX is not set (Kubernetes sets it in a job with completionMode: Indexed)",
        ),
        (
            "--workers 2 -- absent",
            "absent: cannot be started (No such file or directory): check its name and PATH",
        ),
    ],
)
def test_wrong_use(argv, message, capsys):
    assert main(argv.split()) == 2
    assert capsys.readouterr() == ("", f"ganzoo launch: {message}\n")


def in_a_pod(*command):
    return subprocess.Popen(
        [sys.executable, LAUNCHER, "--kubernetes", "--", *command],
        env={**os.environ, **JOB},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_in_a_pod_the_launcher_becomes_the_command():
    script = "import os, sys; print(os.getpid()); print(os.environ['TF_CONFIG']); sys.exit(5)"
    with in_a_pod(sys.executable, "-c", script) as process:
        out, err = process.communicate()
    pid, config = out.splitlines()
    assert (process.returncode, int(pid), err) == (5, process.pid, "")
    assert json.loads(config) == {
        "cluster": {"worker": ["train-0.train:2222", "train-1.train:2222"]},
        "task": {"type": "worker", "index": 1},
    }


def test_in_a_pod_without_the_command():
    with in_a_pod("absent") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == "ganzoo launch: absent: cannot be started (No such file or directory): check its name and PATH\n"
