"""From a data set's name to two domains, and every way in which that fails."""

import subprocess
import sys

import numpy as np
import pytest

from ganzoo.data.domains import Domains, open_data, open_domain, open_domains
from ganzoo.data.open import check_available
from ganzoo.data.source import Source, from_arrays
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig


def config(name: str = "cyclegan_digits", **values) -> DatasetConfig:
    return DatasetConfig(**{"name": name, "size": 28, "channels": 1, "domains": ["plain", "bold"], **values})


def test_the_config_says_whether_there_are_domains():
    assert isinstance(open_data(config("mnist_5k", domains=[])), Source)
    domains = open_data(config(load_size=30))
    assert isinstance(domains, Domains)
    assert [source.example_shape for source in domains.sources.values()] == [(30, 30, 1)] * 2
    assert [source.name for source in domains.sources.values()] == ["cyclegan_digits (plain)", "cyclegan_digits (bold)"]


def test_one_domain_alone_has_the_size_of_the_model():
    source = open_domain(config(load_size=30, split="test"), "bold")
    assert (source.name, source.length, source.example_shape) == ("cyclegan_digits (bold)", 500, (28, 28, 1))
    assert source.class_names == ()
    with pytest.raises(DataError, match=r"^cyclegan_digits: no domain 'bald' \(did you mean 'bold'\?\)$"):
        open_domain(config(), "bald")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            config(domains=["monet", "photo"]),
            "dataset.domains: expected plain and bold for cyclegan_digits, got monet and photo"
            " (set dataset.domains=[plain,bold])",
        ),
        (
            config("mnist_5k"),
            "dataset.name: expected the domains plain and bold, got mnist_5k, which has none (use one of:"
            " cycle_gan/NAME, cyclegan_digits, folder:PATH, pix2pix_digits)",
        ),
        (
            config("fashion_mnist"),
            "dataset.name: expected the domains plain and bold, got fashion_mnist, which has none",
        ),
        (
            config("cyclegan_digit"),
            "dataset.name: unknown data set 'cyclegan_digit' with two domains (did you mean 'cyclegan_digits'?)",
        ),
        (config(channels=2), "dataset.channels: 2, but images have 1 or 3 (set dataset.channels=1)"),
        (config("folder:/absent"), "folder:/absent: no such folder (check the path)"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(dataset, message):
    for function in (open_data, open_domains, check_available, lambda given: open_domain(given, given.domains[0])):
        with pytest.raises(DataError) as caught:
            function(dataset)
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)


def test_pairs_are_not_made_of_what_has_none():
    for function in (open_data, check_available):
        with pytest.raises(DataError, match=r"^dataset\.name: cyclegan_digits has no pairs, but this model needs them"):
            function(config(paired=True))
    open_data(config("pix2pix_digits", domains=["edges", "digits"], paired=True))


def test_pairs_are_as_many_of_one_as_of_the_other():
    a, b = (from_arrays("x", np.zeros((count, 2, 2, 1), np.uint8)) for count in (3, 4))
    assert not Domains("x", {"a": a, "b": b}, paired=False).paired
    with pytest.raises(
        DataError, match=r"^x: expected pairs, as many of one domain as of the other, got 3 of a, 4 of b"
    ):
        Domains("x", {"a": a, "b": b}, paired=True)


def test_domains_are_checked_without_tensorflow(tmp_path):
    for part in ("trainA", "trainB"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.png").touch()
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ganzoo.data.open import check_available\n"
        "from ganzoo.errors import DataError\n"
        "from ganzoo.schema import DatasetConfig\n"
        f"folder = {str(tmp_path)!r}\n"
        "for name in ('cyclegan_digits', 'folder:' + folder, 'cycle_gan/maps', 'mnist_5k', 'folder:/absent'):\n"
        "    try:\n"
        "        dataset = DatasetConfig(name=name, size=28, channels=1, domains=['plain', 'bold'])\n"
        "        check_available(dataset, data_dir=Path(folder))\n"
        "    except DataError as error:\n"
        "        print(error)\n"
        "print(sorted({'tensorflow', 'keras'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *errors, imported = done.stdout.splitlines()
    assert [line[:22] for line in errors] == ["dataset.name: expected", "folder:/absent: no suc"]
    assert imported == "[]"
