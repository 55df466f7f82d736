"""TensorFlow's start: its lines are gone, others are not."""

import os
import subprocess
import sys

from ganzoo.cli import _tensorflow

PRINTED = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795360216.329429    3405 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1795360221.715602    3405 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
F0000 00:00:1795360221.799165    3405 cpu.cc:1] this processor is too old
/site-packages/thing.py:3: DeprecationWarning: old
"""


def test_log_lines_are_told_from_the_rest():
    assert _tensorflow.without_log_lines(PRINTED).splitlines() == PRINTED.splitlines()[3:]


def test_a_quiet_start():
    script = (
        "from ganzoo.cli import _tensorflow; _tensorflow.import_quietly()\n"
        "import sys, tensorflow as tf; tf.ones(3) + 1; print('ours', file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_CPP")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    lines = [line for line in done.stderr.splitlines() if "this machine's GPU" not in line]
    assert (done.stdout, lines) == ("", ["ours"])


def test_what_is_asked_for_is_shown(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    _tensorflow.import_quietly()
    assert "tensorflow" not in sys.modules
