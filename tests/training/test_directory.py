"""The run directory belongs to one config, and its log to one timeline."""

import json

import pytest

import ganzoo
from ganzoo.core import files
from ganzoo.errors import RunError
from ganzoo.training.directory import RunDirectory
from ganzoo.training.resolve import warn_of_ended_schedules, with_ends

CONFIG = ganzoo.config("gan_ring")


def claimed(path, config=CONFIG):
    run = RunDirectory(path)
    with run.claim(config):
        run.write_config(config)
    return run


def claim(path, config=CONFIG):
    with RunDirectory(path).claim(config):
        pass


def test_claim_may_be_repeated_with_what_may_change(tmp_path):
    claimed(tmp_path / "deep" / "run")
    run = claimed(
        tmp_path / "deep" / "run",
        CONFIG.override(
            {
                "training.steps": 9999,
                "training.log_every": 7,
                "training.stop_when": "discriminator_fooled",
                "training.checkpoint_minutes": 2.5,
                "training.on_nan": "rollback",
            }
        ),
    )
    assert ganzoo.config(run.path).training.steps == 9999


def test_a_longer_run_keeps_the_ends_of_its_schedules(tmp_path, caplog):
    scheduled = ganzoo.config("r3gan_grid").override({"training.steps": 100, "penalties.1.schedule": None})
    assert set(scheduled.schedules) == {
        f"{key}.schedule" for key in ("optimizer.generator", "optimizer.discriminator", "penalties.0")
    }
    run = claimed(tmp_path, with_ends(scheduled))
    longer = with_ends(run.decided(scheduled.override({"training.steps": 900})))
    assert {schedule.end for schedule in longer.schedules.values()} == {100}
    assert {schedule.end for schedule in with_ends(scheduled).schedules.values()} == {100}
    warn_of_ended_schedules(scheduled, with_ends(scheduled))
    assert not caplog.messages
    warn_of_ended_schedules(scheduled.override({"optimizer.generator.schedule.end": 90}), longer)
    assert [line.partition(",")[0] for line in caplog.messages] == [
        f"r3gan_grid: {key}.schedule ended at step 100" for key in ("optimizer.discriminator", "penalties.0")
    ]
    own = run.decided(scheduled.override({"penalties.0.schedule.end": 50}))
    assert own.schedules["penalties.0.schedule"].end == 50


def test_another_config_is_refused_and_nothing_is_changed(tmp_path):
    run = claimed(tmp_path)
    run.log({"step": 10, "generator_loss": 0.5})
    before = run.config_file.read_text()
    with pytest.raises(
        RunError,
        match=r"another config \(training\.batch_size: expected 256, got 128\); choose another workdir, --workdir",
    ):
        claim(tmp_path, CONFIG.override({"training.batch_size": 128}))
    assert run.config_file.read_text() == before


def test_a_directory_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="expected an empty folder or a run, got other files"):
        claim(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=r"cannot be written .*choose another workdir, --workdir"):
        claim(tmp_path / "file" / "run")


def test_a_damaged_config_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("schema: 7")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(RunError, match=r"config\.yaml: schema.*choose another workdir, --workdir"):
        claim(tmp_path)


def test_rewinding_takes_back_later_lines_and_sheets_and_a_line_cut_short(tmp_path):
    run = claimed(tmp_path / "run")
    for step in (10, 20, 30):
        run.log({"step": step, "generator_loss": 0.5})
        run.samples.mkdir(exist_ok=True)
        run.sample_sheet(step).write_bytes(b"png")
    with open(run.log_file, "a") as file:
        file.write('{"step": 40, "gener')
    run.rewind(20)
    assert [record["step"] for record in run.read_log()] == [10, 20]
    assert [path.name for path in run.sample_sheets()] == ["step_00000010.png", "step_00000020.png"]


EVALUATED = {
    "step": 2,
    "event": "evaluated",
    "by": "fid_x",
    "num_samples": 9,
    "best": True,
    "metrics": {"fid_x": 1.5, "kid_x": None},
}
DAMAGED_EVENTS = [
    {"step": 3, "event": None},
    *({key: value for key, value in EVALUATED.items() if key != gone} for gone in ("by", "num_samples", "best")),
    *(
        {**EVALUATED, "metrics": metrics}
        for metrics in (None, [], {"a": "1"}, {"a": 10**400}, {"a\n": 1}, {"a" * 201: 1})
    ),
    *({**EVALUATED, key: [1]} for key in ("by", "num_samples", "best", "metrics", "seconds")),
    {"step": 3, "event": "finished", "seconds": "1", "peak_memory_gib": 1.0},
    {"step": 3, "event": "data", "trained_on": {}},
]


def test_damaged_lines_are_passed_over_with_one_note(tmp_path, caplog):
    run = claimed(tmp_path / "run")
    good = [{"step": 1, "generator_loss": 1.0}, EVALUATED, {"step": 2, "event": "of a plugin", "what": [1]}]
    bad = [
        *(b"[1]", b"null", b"7", b"", b"\xff\xfe", b"[" * 200_000, b'{"generator_loss": 2}', b'{"step": true}'),
        *(b'{"step": "3"}', b'{"step": 3.5}', b'{"step": -1}', b'{"step": 1e3}', b'{"step": 9223372036854775808}'),
        *(b'{"step": 3, "generator_loss": "x"}', b'{"step": 3, "generator_loss": null}', b'{"step": 3'),
        b'{"step": 3, "generator_loss": 1%s}' % (b"0" * 400),
        *(json.dumps(record).encode() for record in DAMAGED_EVENTS),
    ]
    lines = [json.dumps(record).encode() for record in good]
    run.log_file.write_bytes(b"\n".join([lines[0], *bad, *lines[1:], b'{"step": 4, "gener']))
    assert run.read_log() == good
    assert run.read_losses() == good[:1]
    claim(run.path)
    assert not caplog.text
    run.rewind(2)
    assert caplog.messages == [f"{run.log_file}: left out {len(bad)} damaged line(s)"]
    assert run.log_file.read_bytes() == b"\n".join([*lines, b""])


def test_other_files_among_the_sheets_are_left_alone(tmp_path):
    run = claimed(tmp_path / "run")
    run.samples.mkdir()
    names = ["step_00000005.png", "step_abc.png", "step_.png", "step_5 (copy).png"]
    for name in names:
        (run.samples / name).write_bytes(b"png")
    folders = ["step_00000099.png", ".ganzoo-0.tmp"]
    for name in folders:
        (run.samples / name).mkdir()
    assert [path.name for path in run.sample_sheets()] == names[:1]
    run.rewind(1)
    claim(run.path)
    assert sorted(path.name for path in run.samples.iterdir()) == sorted([*names[1:], *folders])


def test_half_files_of_a_process_that_was_killed_are_removed(tmp_path, monkeypatch):
    run = claimed(tmp_path / "run")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            files.write_text(run.sample_sheet(10), "half")
    assert len(list(run.samples.iterdir())) == 1
    claim(run.path)
    assert list(run.samples.iterdir()) == []


def test_a_directory_is_one_process_at_a_time(tmp_path):
    with RunDirectory(tmp_path).claim(CONFIG), pytest.raises(RunError, match="in use by another process that trains"):
        claim(tmp_path)
    claim(tmp_path)


def test_a_directory_that_was_only_locked_is_empty(tmp_path):
    claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    claim(tmp_path, ganzoo.config("gan_mnist"))


def test_a_run_that_came_to_nothing_does_not_hold_its_directory(tmp_path):
    claimed(tmp_path)
    claimed(tmp_path, ganzoo.config("gan_mnist"))
    assert ganzoo.config(tmp_path).name == "gan_mnist"
