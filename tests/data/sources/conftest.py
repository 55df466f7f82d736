"""What tests of folders share: a folder to fill, and a cache of their own."""

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """An empty folder for images; what is prepared of it goes into a cache of the test's own."""
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "cache"))
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"
