"""Cards whose data are others are refused before anything is computed; `test_publish.py` verifies whole cards."""

import numpy as np
import pytest

import ganzoo
from ganzoo.core import images
from ganzoo.data.domains import list_hash
from ganzoo.errors import ConfigError, DataError
from ganzoo.zoo import catalog
from ganzoo.zoo.verify import verify


@pytest.fixture
def monet():
    return ganzoo.card("cyclegan_monet")


def test_the_list_of_files_beside_the_card_is_the_cards(monet):
    files = catalog.files_path("cyclegan_monet").read_text(encoding="utf-8").splitlines()
    assert list_hash(files) == monet.files.sha256
    assert monet.files.folders == {"testA": 60, "testB": 250, "trainA": 1072, "trainB": 3500}
    assert len(files) == monet.files.count == 4882
    for how in monet.evaluations:
        assert how.real_count in (1132, 3750)


def test_a_list_of_another_hash_is_refused(monet):
    other = monet.model_copy(update={"files": monet.files.model_copy(update={"sha256": "0" * 64})})
    real = f"expected 4,882 files with list hash 000000000000, got 4,882 with {monet.files.sha256[:12]} in "
    with pytest.raises(ConfigError, match=f"^real: {real}[^\n]*cyclegan_monet.txt"):  # a fault, not missing data
        verify("cyclegan_monet", card=other)


def test_data_without_a_file_of_the_list_are_refused(monet, tmp_path):
    for part in ("trainA", "trainB", "testA", "testB"):
        for number in range(2):
            image = np.zeros([143, 143, 3], np.uint8)
            images.write_png(tmp_path / "monet2photo" / part / f"{number}.png", image)
    real = f"expected 4,882 files with list hash {monet.files.sha256[:12]}, got 0 of them in cycle_gan/monet2photo"
    with pytest.raises(DataError, match=f"^real: {real}[^\n]* that has testA/00040.jpg: data_dir, --data_dir\\)$"):
        verify("cyclegan_monet", data_dir=tmp_path)
