"""TensorFlow's start: its lines are gone, others are not; another backend of Keras is refused in one line."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from ganzoo.core import start
from ganzoo.errors import UsageError

PRINTED = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795360216.329429    3405 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1795360221.715602    3405 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
F0000 00:00:1795360221.799165    3405 cpu.cc:1] this processor is too old
/site-packages/thing.py:3: DeprecationWarning: old
"""


def test_log_lines_are_told_from_the_rest():
    assert start.without_log_lines(PRINTED).splitlines() == PRINTED.splitlines()[3:]


def run(script, **variables):
    """(stdout, lines of stderr) of a fresh process; a line about a GPU that is not used is ganzoo's own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_CPP", "KERAS"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment | variables, check=False
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "this machine's GPU" not in line]


@pytest.mark.slow
def test_a_quiet_start():
    script = (
        "from ganzoo.core import start; start.import_quietly()\n"
        "import sys, tensorflow as tf; tf.ones(3) + 1; print('ours', file=sys.stderr)"
    )
    assert run(script) == ("", ["ours"])


def test_without_a_folder_for_temporary_files_all_is_shown(monkeypatch, capfd):
    def fail(*_, **__):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setattr("tempfile.TemporaryFile", fail)
    with start.quiet_start():
        print("I0000 00:00: ours", file=sys.stderr)
    assert capfd.readouterr().err == "I0000 00:00: ours\n"


def test_loading_and_drawing_print_nothing():
    assert run("import ganzoo; ganzoo.load('cgan_mnist').generate(4)") == ("", [])


def test_what_is_asked_for_is_shown(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    start.import_quietly()
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_another_backend_is_refused_before_keras_is_imported(backend):
    script = (
        "import sys, ganzoo\n"
        "ganzoo.config('cgan_mnist')\n"
        "for call in (lambda: ganzoo.load('cgan_mnist'), lambda: ganzoo.train, lambda: ganzoo.train('gan_ring'),\n"
        "             lambda: ganzoo.evaluate('cgan_mnist'), lambda: ganzoo.export('cgan_mnist', 'out'),\n"
        "             lambda: ganzoo.CycleGAN):\n"
        "    try:\n"
        "        call()\n"
        "    except ganzoo.UsageError as error:\n"
        "        print(error)\n"
        "print('keras' in sys.modules)"
    )
    message = (
        f"KERAS_BACKEND: expected tensorflow, got {backend}: ganzoo's models need Keras on TensorFlow (unset it, or "
        "set KERAS_BACKEND=tensorflow)"
    )
    assert run(script, KERAS_BACKEND=backend) == ("\n".join([*[message] * 5, "False\n"]), [])


def test_a_command_under_another_backend():
    script = "from ganzoo.cli.generate import main; main([])"
    printed, (line,) = run(script, KERAS_BACKEND="jax")
    assert printed == ""
    assert line.startswith("ganzoo generate: KERAS_BACKEND: expected tensorflow, got jax: ")


def test_a_backend_that_is_loaded_already(monkeypatch):
    loaded = SimpleNamespace(config=SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", loaded)
    with pytest.raises(UsageError, match=r"^keras: expected the backend tensorflow, got torch \(restart Python with"):
        start.check_backend()


@pytest.mark.slow
def test_keras_own_settings_do_not_matter(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    script = "from ganzoo.core import start; start.import_quietly(); import keras; print(keras.config.backend())"
    assert run(script, KERAS_HOME=str(tmp_path)) == ("tensorflow\n", [])


def test_memory_is_set_up_before_keras_brings_tensorflow(monkeypatch):
    """Also for modules that import Keras themselves, as contestants of a benchmark and plugins do."""
    order = []
    spec = SimpleNamespace(loader=SimpleNamespace(exec_module=lambda module: order.append("keras")))
    finder = start._KerasFinder(lambda: order.append("action"))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(start, "reuse_freed_memory", lambda: order.append("memory"))
    finder.find_spec("keras", None).loader.exec_module(None)
    assert order == ["memory", "keras", "action"]
