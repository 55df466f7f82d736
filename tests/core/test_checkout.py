"""The commit of the checkout that runs."""

import re
import subprocess

from ganzoo.core import checkout


def test_it_is_the_head_or_nothing(monkeypatch, tmp_path):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout.__file__.rpartition("/")[0], capture_output=True)
    found = checkout.commit()
    assert found is None or (re.fullmatch("[0-9a-f]{12}", found) and head.stdout.decode().startswith(found))
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "ganzoo" / "core" / "checkout.py"))
    assert checkout.commit() is None, "an installed package"


def test_without_git_there_is_none(monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "ganzoo" / "core" / "checkout.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout.commit() is None
