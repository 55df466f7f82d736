"""Wrong use of a command, as all commands meet it."""

import pytest

from ganzoo.cli.main import main


@pytest.fixture
def refused(capsys):
    """Calls `ganzoo NAME …`, which has to end with exit code 2 and one line on standard error: what that line says."""

    def refused(name, argv):
        assert main([name, *argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"ganzoo {name}: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1
        return err.removeprefix(f"ganzoo {name}: ").rstrip("\n")

    return refused
