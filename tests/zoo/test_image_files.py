"""Files to translate, as they are named on a command line."""

from pathlib import Path

import pytest

from ganzoo.data.sources.folder import root_of
from ganzoo.errors import UsageError
from ganzoo.schema import DatasetConfig
from ganzoo.zoo import image_files


def test_a_tilde_without_a_home_is_part_of_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("~photo.jpg").touch()
    assert image_files.find(["~photo.jpg"]) == image_files.find(["~ph*.jpg"]) == [Path("~photo.jpg")]
    with pytest.raises(UsageError, match=r"^~nosuchuser/x: no such file or folder"):
        image_files.find(["~nosuchuser/x"])
    assert root_of(DatasetConfig(name="folder:~nosuchuser/x", size=8, channels=1)) == Path("~nosuchuser/x")
