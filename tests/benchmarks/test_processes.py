"""Processes of a measurement: results, deaths, an end with the parent, and what they use."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ganzoo.benchmarks.processes import Process, run_apart, usage_of
from ganzoo.errors import GanzooError


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module that processes can import."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        return __import__(name)

    return make


def test_result_and_failure(module, capfd):
    apart = module(
        "apart",
        "import os, sys\ndef say(): print('on standard output')\n"
        "def pid(**_): return os.getpid()\ndef double(x): return [x, x]\n"
        "def fail(): print('so', file=sys.stderr); sys.exit('why')\ndef die(): os.kill(os.getpid(), 9)\n",
    )
    assert run_apart("it", apart.double, {"a": b"1"}) == [{"a": b"1"}, {"a": b"1"}]
    assert run_apart("it", apart.pid) != os.getpid()
    assert run_apart("it", apart.say) is None
    with pytest.raises(GanzooError) as caught:
        run_apart("it", apart.fail)
    assert str(caught.value) == "it: its process ended with exit code 1 (so | why)"
    with pytest.raises(GanzooError) as caught:
        run_apart("it", apart.die)
    assert str(caught.value) == "it: its process was killed by signal 9 (it printed nothing)"
    assert capfd.readouterr() == ("", "")


def test_what_a_function_raises_is_in_the_message(module):
    apart = module("raising", "def fail(): raise ValueError('a reason')\n")
    with pytest.raises(GanzooError, match=r"it: its process ended with exit code 1 \(.* \| ValueError: a reason\)$"):
        run_apart("it", apart.fail)


def test_a_process_ends_with_its_block(module):
    apart = module("sleeping", "import time\ndef sleep(): time.sleep(600)\n")
    with Process("it", apart.sleep) as process:
        assert process.process.is_alive()
    assert process.process.exitcode == -signal.SIGKILL


def test_a_process_ends_with_its_parent(module, tmp_path):
    module(
        "child",
        "import os, pathlib, sys, time\nfrom ganzoo.benchmarks.processes import Process\n"
        "def sleep(path): pathlib.Path(path).write_text(str(os.getpid())); time.sleep(600)\n"
        "if __name__ == '__main__':\n    import child\n"
        "    with Process('it', child.sleep, sys.argv[1]) as process:\n        process.result()\n",
    )
    noted = tmp_path / "pid"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "child.py"), str(noted)], env={**os.environ, "PYTHONPATH": path}
    )
    until = time.monotonic() + 60
    while not (noted.exists() and noted.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while os.path.exists(f"/proc/{noted.read_text()}"):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_usage_of_a_process():
    with usage_of(os.getpid()) as usage:
        assert sum(number * number for number in range(300_000)) > 0
    assert 10 < usage.memory_mib[0] < 100_000
    assert 0 <= usage.cpu_seconds < 60
    with usage_of(None) as usage:
        pass
    assert (usage.memory_mib, usage.cpu_seconds) == ([], None)
