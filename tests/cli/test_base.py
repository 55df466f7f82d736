"""Exit codes and output of a command, shown on a small one."""

import json
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from ganzoo.cli import _flags
from ganzoo.cli.base import Answer, Command
from ganzoo.core import plugins
from ganzoo.errors import DataError


def command(work):
    flags = {"Numbers": (_flags.whole("n", "Largest number", at_least=1, default=2),)}
    return Command("count", "Counts.\n\nUp to n.\n", flags, work)


def count(given: SimpleNamespace) -> Answer:
    print("working")
    numbers = list(range(given.n))
    return Answer(f"counted: {numbers}", {"numbers": numbers}, brief=str(len(numbers)))


def test_text(capsys):
    assert command(count).run(["--n", "3"]) == 0
    assert capsys.readouterr() == ("working\ncounted: [0, 1, 2]\n", "")


def test_json_leaves_standard_output_to_the_result(capsys):
    assert command(count).run(["--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"numbers": [0, 1]}
    assert err == "working\n"


@pytest.mark.parametrize("how", ["--json=new/result.txt", "--json new/result.txt.json"])
def test_json_into_a_file(how, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(count).run([*how.split(), "--n", "3"]) == 0
    assert capsys.readouterr().out == "working\ncounted: [0, 1, 2]\n"
    (written,) = (tmp_path / "new").iterdir()
    assert json.loads(written.read_text()) == {"numbers": [0, 1, 2]}
    assert str(written.relative_to(tmp_path)) == how[len("--json=") :]


def test_a_json_file_that_cannot_be_written_is_found_before_the_work(tmp_path, capsys):
    assert command(count).run([f"--json={tmp_path}"]) == 2
    assert capsys.readouterr() == ("", f"ganzoo count: {tmp_path}: expected a file, got a folder (give a file name)\n")
    (tmp_path / "file").write_text("")
    assert command(count).run(["--json", f"{tmp_path}/file/x.json"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"ganzoo count: {tmp_path}/file/")) == ("", True)


def test_quiet(capsys):
    assert command(count).run(["--quiet"]) == 0
    assert capsys.readouterr().out == "working\n2\n"


def test_quiet_without_essence_prints_nothing(capsys):
    assert command(lambda given: Answer("done", {})).run(["--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--n", "zero", "--help"]])
def test_help(argv, capsys):
    assert command(count).run(argv) == 0
    assert capsys.readouterr().out == (
        "Counts.\n\nUp to n.\n\nUsage: ganzoo count [flags]\n\n"
        "Numbers:\n  --n N               Largest number (default: 2)\n\n"
        "Output:\n  --json [FILE.json]  Print the result as JSON on standard output, or write it to a file\n"
        "  --[no]quiet         Print only the bare result, if any, and errors\n\n"
        "Plugins:\n"
        "  --import MODULE …   Python module to import first, from the working directory, PYTHONPATH or\n"
        "                      installed packages; its registered losses, networks and other parts can be\n"
        "                      used by name\n"
    )


def test_the_usage_names_required_flags(capsys):
    flags = {"Model": (_flags.text("model", "NAME", "Name of a model").required("for example --model cgan"),)}
    shown = Command("show", "Shows.", flags, count, usage="[flags] FILES…")
    assert shown.run(["--help"]) == 0
    assert "\nUsage: ganzoo show --model NAME [flags] FILES…\n" in capsys.readouterr().out
    assert shown.run([]) == 2
    assert capsys.readouterr() == ("", "ganzoo show: --model is missing: for example --model cgan\n")


def test_pillow_warns_of_no_file(capsys, monkeypatch):
    """Of a thousand odd files there would be a thousand lines."""

    def warn(given):
        warnings.warn_explicit("Corrupt EXIF data", UserWarning, "TiffImagePlugin.py", 1, module="PIL.TiffImagePlugin")
        return Answer("read", {})

    monkeypatch.setattr(warnings, "showwarning", lambda *told, **_: print(told, file=sys.stderr))
    assert command(warn).run([]) == 0
    assert capsys.readouterr() == ("read\n", "")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes a module `mine` into an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_imported", {})
    yield lambda text: (tmp_path / "mine.py").write_text(text)
    sys.modules.pop("mine", None)


def test_modules_are_imported_before_the_work(plugin, capsys):
    plugin("print('imported')")
    assert command(lambda given: Answer(sys.modules["mine"].__name__, {})).run(["--import", "mine"]) == 0
    assert capsys.readouterr() == ("imported\nmine\n", "")
    assert plugins.imported() == ("mine",)


def test_what_a_module_prints_is_not_in_the_json(plugin, capsys):
    plugin("print('imported')")
    assert command(count).run(["--import", "mine", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"numbers": [0, 1]}
    assert err == "imported\nworking\n"


def test_a_module_that_is_not_found_is_one_line_and_exit_code_2(plugin, capsys):
    assert command(count).run(["--import", "json", "--import", "mine", "--json=x/y.json"]) == 2
    assert capsys.readouterr() == (
        "",
        "ganzoo count: --import mine: cannot be imported (ModuleNotFoundError: No module named 'mine'); run the "
        "command in the folder of mine, or add that folder to PYTHONPATH\n",
    )
    assert plugins.imported() == ("json",)


def test_wrong_use_is_one_line_and_exit_code_2(capsys):
    assert command(count).run(["--nn", "3"]) == 2
    assert capsys.readouterr() == ("", "ganzoo count: --nn: unknown flag (did you mean '--n'?)\n")


def test_an_error_to_mend_is_one_line_and_exit_code_2(capsys):
    def fail(given):
        raise DataError("folder:x: no images (give another --dataset)")

    assert command(fail).run([]) == 2
    assert capsys.readouterr() == ("", "ganzoo count: folder:x: no images (give another --dataset)\n")


def test_interrupted(capsys):
    def interrupt(given):
        raise KeyboardInterrupt

    assert command(interrupt).run([]) == 130
    assert capsys.readouterr() == ("", "ganzoo count: interrupted\n")


def test_a_bug_keeps_its_traceback():
    def broken(given):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command(broken).run([])


def test_a_reader_that_leaves_early_is_no_error():
    script = (
        "import sys\n"
        "from ganzoo.cli.base import Answer, Command\n"
        "sys.exit(Command('long', 'Long.', {}, lambda given: Answer('line\\n' * 100_000, {})).run([]))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


COUNT = "import sys; from ganzoo.cli.base import Answer, Command; say = Command('say', 'Say.', {}, lambda _: Answer"


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_full_disk_at_standard_output_is_one_line(size):
    script = f"{COUNT}('x' * {size}, {{}})); sys.exit(say.run([]))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("ganzoo say: standard output: cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("work", "code"),
    [("Answer('x', {})", 0), ("(_ for _ in ()).throw(DataError('no data'))", 2), ("int(None)", 1)],
)
def test_standard_error_that_cannot_be_written_keeps_the_exit_code(work, code):
    script = (
        "import sys; from ganzoo.cli.base import Answer, Command; from ganzoo.errors import DataError\n"
        f"sys.exit(Command('say', 'Say.', {{}}, lambda _: {work}).run([]))"
    )
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full)
    assert done.returncode in ((code,) if code != 1 else (1, 120))  # a bug is Python's own


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed):
    script = f"{COUNT}('text', {{}})); sys.exit(say.run([]))"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, script], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bytes_of_a_name_that_are_no_text_are_escaped(tmp_path):
    script = f"{COUNT}(f'in {{sys.argv[1]}}', sys.argv[1])); sys.exit(say.run(sys.argv[2:]))"
    environment = {"PYTHONUTF8": "1", "PYTHONPATH": ":".join(sys.path)}
    given = [sys.executable, "-c", script, b"\xff.png"]
    done = subprocess.run(given, env=environment, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"in \\udcff.png\n", b"")
    done = subprocess.run([*given, "--json"], env=environment, capture_output=True)
    assert json.loads(done.stdout) == "\udcff.png"
    done = subprocess.run([*given, "--quiet", f"--json={tmp_path}/a.json"], env=environment, capture_output=True)
    assert (done.returncode, json.loads((tmp_path / "a.json").read_text())) == (0, "\udcff.png")


def test_text_that_standard_output_cannot_encode_is_escaped():
    script = f"{COUNT}('0 ' + chr(0x2026) + ' 9', {{}})); sys.exit(say.run([]))"
    environment = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0 \\u2026 9\n", b"")
