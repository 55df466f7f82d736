"""Files and folders of the user."""

from pathlib import Path

import pytest

from ganzoo.core import files


@pytest.mark.parametrize(
    ("given", "expected"),
    [("~/a.png", "home/a.png"), ("~photo.jpg", "~photo.jpg"), ("~nosuchuser/x", "~nosuchuser/x"), ("a/b", "a/b")],
)
def test_what_has_no_home_stays(given, expected, monkeypatch):
    monkeypatch.setenv("HOME", "home")
    assert files.expanded(given) == Path(expected)


def test_without_a_home(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # a user without an entry, as in many containers
    assert files.expanded("~/x") == Path("~/x")
    monkeypatch.setenv("GANZOO_HOME", "~nosuchuser/cache")
    assert files.cache_folder() == Path("~nosuchuser/cache")
