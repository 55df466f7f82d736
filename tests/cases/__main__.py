"""The table of cases from the world, each with pass or fail: python tests/cases [FILE.md]."""

import contextlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]


class Case(NamedTuple):
    """An input, how people met it, what it must give, and the tests that show it."""

    given: str
    command: str
    gives: str
    shown: list[str]


HERE = "cases/test_cases.py::"
CASES = [
    Case(
        "TIFFs of LAB and floats, a YCbCr JPEG, 1 bit, among plain files",
        "`train --dataset folder:…`, `translate`",
        "all six are read; LAB is Pillow's, within 2 levels of its RGB on average, grey of its luma",
        [HERE + name for name in ("test_all_odd_modes_train", "test_all_odd_modes_are_translated")]
        + [HERE + "test_lab_is_the_picture_that_it_came_from"],
    ),
    Case(
        "TIFF orientation 6",
        "`evaluate` on folders, reading",
        "turned once, the pixels of Pillow's `exif_transpose`",
        [HERE + "test_each_file_is_turned_once"],
    ),
    Case(
        "`.jfif`, `.jpe`, `.JPEG`, `.webp`",
        "a folder data set, `evaluate`",
        "six of six files",
        [HERE + "test_files_of_every_suffix_are_read"],
    ),
    Case("12 bits in 16", "reading", "at least 240 grey levels", [HERE + "test_twelve_bits_are_not_black"]),
    Case(
        "class folders 0 to 11",
        "`train --model cgan --dataset folder:…`, `generate --labels 10`",
        "label k is folder k",
        [HERE + "test_numbered_folders_are_their_own_labels"],
    ),
    Case(
        "one grey JPEG among colour",
        "`evaluate` against itself",
        "FID 0",
        [HERE + "test_one_grey_picture_among_colour"],
    ),
    Case(
        "YAML of aliases, of 40,000 digits, of base 60",
        "a config",
        "one line in less than a second",
        [HERE + "test_yaml_that_takes_long"],
    ),
    Case("a damaged `log.jsonl`", "`train`, which resumes", "goes on, with one note", [HERE + "test_a_damaged_log"]),
    Case(
        "weights of NaN, infinity, int64, bool",
        "a model directory",
        "one line before anything is drawn",
        [HERE + "test_weights_that_are_no_numbers_of_a_network"],
    ),
    Case(
        "SIGHUP during a run",
        "`train`",
        "saved; the same command goes on",
        ["training/test_run.py::test_other_signals_save_too"],
    ),
    Case(
        "400 half-open headers or bodies, 256 descriptors",
        "`serve`",
        "`/healthz` within 2 s, log under 1 MB",
        ["serving/test_server_connections.py::test_half_requests_by_the_hundred_at_256_descriptors"],
    ),
    Case(
        "an answer whose headers drip",
        "`Client(timeout=…)`",
        "an error within its time",
        ["serving/client/test_transports.py::test_an_answer_without_end"],
    ),
]


class Outcomes:
    """Plugin that counts the outcomes of each test function."""

    def __init__(self):
        self.of = Counter()

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.of[report.nodeid.split("[")[0].removeprefix("tests/"), report.outcome] += 1


def main():
    """Run the tests, and print the table; 1 if one failed or is missing."""
    outcomes = Outcomes()
    named = sorted({str(TESTS / test) for case in CASES for test in case.shown})
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        pytest.main(["-q", "-n", "0", "-m", "slow or not slow", "--no-header", *named], plugins=[outcomes])
    lines = ["| input | command | must give | |", "|---|---|---|---|"]
    failed = 0
    for case in CASES:
        passed = all(
            outcomes.of[test, "passed"] and not outcomes.of[test, "failed"] and not outcomes.of[test, "error"]
            for test in case.shown
        )
        failed += not passed
        lines.append(f"| {case.given} | {case.command} | {case.gives} | {'pass' if passed else 'FAIL'} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if sys.argv[1:]:
        Path(sys.argv[1]).write_text(text)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
