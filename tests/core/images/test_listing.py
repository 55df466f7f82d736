"""Image files in folders, and the others there."""

from PIL import Image

from ganzoo.core import images
from ganzoo.core.images import opening


def test_all_suffixes_of_pillow():
    Image.init()
    known = {suffix for suffix, file_format in Image.EXTENSION.items() if file_format in (*opening.FORMATS, "MPO")}
    assert set(images.SUFFIXES) == known


def test_files_in_follows_links_and_counts_the_others(tmp_path):
    for name in ("a.jfif", "b.JPE", "deep/c.pbm", "deep/.hidden.png", "notes.txt", "more.txt", "plain"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "d.png").touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "deep" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = images.files_in(tmp_path / "in")
    names = [str(path.relative_to(tmp_path / "in")) for path in found.files]
    assert names == ["a.jfif", "b.JPE", "deep/c.pbm", "link/d.png"]
    others = "2 .txt, 1 broken links, 1 hidden, 1 linked twice, 1 without suffix"
    assert images.counted(sorted(found.passed_over)) == others
    here = images.files_in(tmp_path / "in", nested=False)
    assert here.passed_over.count("subfolders") == 2
    assert [folder.name for folder in here.folders] == ["deep", "link"]
