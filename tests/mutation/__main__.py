"""Mutation testing of what computes: python tests/mutation [--mutants 20] [--seed 3].

Small faults are put into `ROOMS`, each alone, and a test that runs the faulty code has to fail. A fault that no test
notices is a missing test, or changes nothing that can be seen: survivors.md has those, with the reason.

One process imports TensorFlow, without starting it, and forks for each mutant: a mutant costs no import, and no thread
is lost in a fork. Which tests run which line is measured first, and kept until package or tests change.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.util
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mutants import Mutant, mutants_of, sample

ROOT = Path(__file__).parents[2]
PACKAGE, TESTS = ROOT / "ganzoo", ROOT / "tests"
ROOMS = ["objectives", "models", "engine", "evaluation/metrics"]
TEST_ROOMS = ["objectives", "models", "engine", "evaluation", "networks"]  # of these, what is not nightly
SURVIVORS = Path(__file__).parent / "survivors.md"
CANNOT_START = ("pytest ends with 1", "pytest ends with 2")  # the package or the tests cannot be imported
ENOUGH = 0.9  # share of the mutants
SECONDS_OF_TESTS = 60  # of CPU time for one mutant, as measured without it
QUICK, SLOW = 0.5, 5.0  # seconds of tests that come first and last
PATIENCE = 4  # times as much CPU time, and ten times that by the clock
OPTIONS = [
    "-q",
    "-n",
    "0",
    "-m",
    "not nightly",
    "-p",
    "xdist.plugin",
    "-p",
    "no:cacheprovider",
    "--tb=no",
    "--no-header",
]


def main() -> int:
    """Run mutants, and print what became of each; 1 if too few were killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=20, help="number of mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice")
    parser.add_argument("--only", default="", help="regular expression that a mutant's name must match")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of processes")
    flags = parser.parse_args()
    start_libraries()
    ran = measured(flags.jobs)
    known = SURVIVORS.read_text(encoding="utf-8").splitlines()
    found = [one for one in mutants_of(PACKAGE, ROOMS) if re.search(flags.only, one.name)]
    if not found:
        parser.error(f"--only: expected a part of a mutant's name, got {flags.only}")
    chosen = {one.name: one for one in sample(found, flags.mutants, flags.seed)}
    tests = {name: tests_of(one, ran) for name, one in chosen.items()}
    calls = [
        (name, attempt, (one, list(tests[name])), 30 + PATIENCE * sum(tests[name].values()))
        for name, one in chosen.items()
    ]
    killed = broken = 0
    for number, (name, by, seconds) in enumerate(in_forks(calls, flags.jobs), 1):
        is_killed = "::" in by or by in ("died", *CANNOT_START)  # by a test, at its limit, or where tests are read
        killed += is_killed
        if by == "survived":
            by = "in survivors.md" if f"- {name}" in known else "SURVIVED" if tests[name] else "NO TEST RUNS IT"
        elif not is_killed:
            broken += 1
            by = f"NO VERDICT: {by}"
        print(f"{number:3d} {seconds:3.0f} s  {name} (line {chosen[name].line}): {by}", flush=True)
    print(f"{killed} of {len(chosen)} mutants killed of {len(found)} ({killed / len(chosen):.1%})")
    return int(killed < ENOUGH * len(chosen) or broken > 0)


def start_libraries() -> None:
    """Import what takes seconds, so that each fork has it: nothing of ganzoo, and TensorFlow without its threads."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", OPENBLAS_NUM_THREADS="1")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a second for each mutant
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(TESTS)]
    for name in ("coverage", "PIL.Image", "pydantic", "tensorflow", "keras", "sklearn.pipeline", "yaml"):
        importlib.import_module(name)
    assert "ganzoo.errors" not in sys.modules, "each fork imports its own"


def in_forks(calls: list[tuple[str, Any, tuple[Any, ...], float]], jobs: int) -> Iterator[tuple[str, Any, float]]:
    """Make calls of (name, function, arguments, limit) in a fork each; yield name, result and seconds.

    The limit is in seconds of CPU time, and ten times as long by the clock. The result is "died" where there is none.
    """
    waiting, running = list(calls), {}
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < jobs:
                name, function, arguments, limit = waiting.pop(0)
                made = Path(folder, str(len(waiting)))
                child = os.fork() or in_child(function, arguments, limit, made)
                running[child] = name, made, time.monotonic(), limit
            time.sleep(0.02)
            for child, (name, made, start, limit) in list(running.items()):
                seconds = time.monotonic() - start
                ended = os.waitpid(child, os.WNOHANG)[0]
                if ended or seconds > 10 * limit:
                    if not ended:
                        os.killpg(child, signal.SIGKILL)
                        os.waitpid(child, 0)
                    del running[child]
                    yield name, json.loads(made.read_text()) if made.exists() else "died", seconds


def in_child(function: Any, arguments: tuple[Any, ...], limit: float, made: Path) -> Any:
    """Write what the function returns to a file, and end the process."""
    result = "died"
    try:
        os.setsid()  # so that it can be killed with what it starts
        used = int(time.process_time() + limit)
        resource.setrlimit(resource.RLIMIT_CPU, (used, used + 1))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        result = function(*arguments)
    except Exception as error:
        result = f"died: {error!r}"
    finally:
        made.write_text(json.dumps(result))
        os._exit(0)


def measured(jobs: int) -> dict[str, Any]:
    """Return what `record` returns for each of `TEST_ROOMS`, from the last time if package and tests are the same."""
    kept, calls = {}, []
    for room in TEST_ROOMS:
        sources = [*sorted(PACKAGE.rglob("*.py")), *map(Path, files_of(room))]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
        kept[room] = ROOT / ".pytest_cache" / "mutation" / f"{room}-{digest[:16]}.json"
        calls += [] if kept[room].exists() else [(room, record, (room,), 1800)]
    for room, result, seconds in in_forks(calls, jobs):
        if isinstance(result, str):
            raise SystemExit(f"tests/{room}: expected its tests to end, {result}")
        print(
            f"{seconds:4.0f} s  tests/{room}: {len(result['seconds'])} tests, left out: {result['failed']}", flush=True
        )
        kept[room].parent.mkdir(parents=True, exist_ok=True)
        kept[room].write_text(json.dumps(result))
    return {room: json.loads(path.read_text()) for room, path in kept.items()}


def files_of(room: str) -> list[str]:
    """Return the test files of a room that name one of `ROOMS`."""
    named = re.compile("|".join(f"ganzoo.{name}".replace("/", ".") for name in ROOMS))
    return [str(path) for path in sorted((TESTS / room).rglob("test_*.py")) if named.search(path.read_text())]


def record(room: str) -> dict[str, Any]:
    """Run the tests of a room; return `seconds` of those that pass, tests that run each of `lines`, and `failed`."""
    from coverage import Coverage

    watch = Coverage(data_file=None, config_file=False, include=[str(PACKAGE / room / "*") for room in ROOMS])
    seconds, failed = {}, set()

    class Recorder:
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item):
            watch.switch_context(item.nodeid)
            start = time.process_time()
            try:
                return (yield)
            finally:
                seconds[item.nodeid] = time.process_time() - start

        def pytest_runtest_logreport(self, report):
            failed.update([report.nodeid] if not report.passed else [])

    watch.start()
    pytest.main([*OPTIONS, *files_of(room)], plugins=[Recorder()])
    watch.stop()
    data, lines = watch.get_data(), {}
    for path in data.measured_files():
        by_line = data.contexts_by_lineno(path)
        lines[str(Path(path).relative_to(PACKAGE))] = {
            line: sorted({test for test in tests if test} - failed) for line, tests in by_line.items()
        }
    passed = {test: taken for test, taken in seconds.items() if test not in failed}
    return {"seconds": passed, "lines": lines, "failed": sorted(failed)}


def tests_of(mutant: Mutant, ran: dict[str, Any]) -> dict[str, float]:
    """Return the tests for a mutant, in their order, with their seconds.

    First the quick ones of the module's own file and of those that run the code, then the slower ones of its own file,
    and one of each other file in turn, for many kinds of tests within the time. Then the rest of these files, as a
    fixture or a traced function is recorded for the first test alone that needs it. Code that TensorFlow converts is
    not recorded: then these are the tests that run anything of its module. For what runs on import, the quickest of all
    tests.
    """
    first, last = mutant.lines
    lines = [pair for record in ran.values() for pair in record["lines"].get(mutant.path, {}).items()]
    run = [tests for line, tests in lines if first <= int(line) <= last]
    direct = {test for tests in run for test in tests}
    on_import = bool(run) and not direct
    direct = direct or {test for _, tests in lines for test in tests}
    of_file: dict[str, list[tuple[str, float]]] = {}
    for record in ran.values():
        for test, seconds in record["seconds"].items():
            of_file.setdefault(test.partition("::")[0], []).append((test, seconds))
    ranked = []
    for file, of_this in of_file.items():
        other = Path(file).name != f"test_{Path(mutant.path).name}"
        cost = sum(seconds for test, seconds in of_this if test in direct)
        of_this.sort(key=lambda pair: (pair[0] not in direct, pair[1] > SLOW))
        for turn, (test, seconds) in enumerate(of_this):
            rest = other and test not in direct
            rank = (rest, seconds > QUICK, other and turn, cost, turn) if not on_import else (seconds,)
            if on_import or cost:
                ranked.append((rank, test, seconds))
    chosen, total = {}, 0.0
    for _, test, seconds in sorted(ranked):
        if total + seconds <= SECONDS_OF_TESTS:
            chosen[test] = seconds
            total += seconds
    return chosen


def attempt(mutant: Mutant, tests: list[str]) -> str:
    """Run the tests with a mutant; return the first test that fails, or "survived"."""
    if not tests:
        return "survived"
    path = PACKAGE / mutant.path
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:  # TensorFlow converts from source
        file.write(ast.unparse(mutant.make()))
    code = compile(Path(file.name).read_text(), file.name, "exec")
    loader = type("Faulty", (SourceFileLoader,), {"get_code": lambda self, name: code})(module, str(path))
    spec = importlib.util.spec_from_file_location(module, path, loader=loader)
    sys.meta_path.insert(0, SimpleNamespace(find_spec=lambda name, *_: spec if name == module else None))
    failed = []

    class Chosen:
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, items):
            order = {test: number for number, test in enumerate(tests)}
            items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])

        def pytest_runtest_logreport(self, report):
            failed.extend([report.nodeid] if report.failed else [])

    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    code_of_end = pytest.main([*OPTIONS, "-x", *files], plugins=[Chosen()])
    os.unlink(file.name)
    return failed[0] if failed else "survived" if code_of_end == 0 else f"pytest ends with {code_of_end}"


if __name__ == "__main__":
    sys.exit(main())
