"""The profile is written, and a slow input is called one."""

import time

import numpy as np
import pytest
import tensorflow as tf
from small_runs import RING, train

from ganzoo.data.kinds import Points
from ganzoo.data.pipeline import Pipeline
from ganzoo.data.source import Source
from ganzoo.training import profile


@pytest.mark.slow
def test_a_profile_is_written_with_its_verdict(tmp_path):
    run = train("gan_ring", tmp_path / "run", RING, profile=True)
    assert list((tmp_path / "run" / "tensorboard").rglob("*.xplane.pb"))
    verdicts = [record for record in run.log if record.get("event") == "profile"]
    assert len(verdicts) == 1
    assert verdicts[0]["input_share"] > 0


@pytest.mark.slow
def test_a_resumed_run_and_a_short_one_can_be_profiled(tmp_path, capsys):
    train("gan_ring", tmp_path / "run", {**RING, "training.steps": 13})
    run = train("gan_ring", tmp_path / "run", RING, profile=True)
    assert [record["event"] for record in run.log if "event" in record][-1] == "finished"
    train("gan_ring", tmp_path / "short", {**RING, "training.steps": 5}, quiet=False, profile=True)
    assert "profile: expected at least 6 executions, got 1; use more steps, --steps\n" in capsys.readouterr().err


def test_the_input_is_timed():
    def slow(indices):
        return {
            "examples": tf.numpy_function(
                lambda i: (time.sleep(0.05), np.zeros((len(i), 2), np.float32))[1], [indices], tf.float32
            )
        }

    def fetch(indices):
        batch = slow(indices)
        batch["examples"].set_shape([indices.shape[0], 2])
        return batch

    seconds = profile.input_seconds(Pipeline(Source("slow", None, Points(2), (), fetch), 4, 0))
    assert seconds > 0.01
