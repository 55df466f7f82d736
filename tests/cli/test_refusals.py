"""What needs no TensorFlow is refused without it, by every command: its import takes seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ganzoo

SCRIPT = """
import contextlib, io, json, sys
from importlib.machinery import PathFinder
from ganzoo.cli.main import main

class Guard:
    def find_spec(self, name, path, target=None):
        if name not in ("tensorflow", "keras"):
            return None
        found = PathFinder.find_spec(name, path)
        found.loader.exec_module = lambda module: exec('raise RuntimeError("imported: " + module.__name__)')
        return found

sys.meta_path.insert(0, Guard())
for line in json.loads(sys.argv[1]):
    code = None
    with contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = main(line.split())
        except RuntimeError as error:
            err.write(str(error))
    print(json.dumps([code, err.getvalue(), "tensorflow" in sys.modules]))
"""
PUBLISH = "--command c --intended_use u --limits l --hardware h"
REFUSED = {
    "generate --model dcgan": "dcgan_mnist: has no trained weights",
    "generate --model run": "run: has no checkpoint yet",
    "generate --model foreign": "foreign/weights.safetensors: cannot be read as safetensors",
    "generate --model cgan --labels 10": "labels: ",
    "generate --model cgan --seed 2147483648": "--seed: expected an integer from 0 to 2147483647, got '2147483648'",
    "generate --model cgan --truncation 2": "--truncation: expected a number above 0 and at most 1, got '2'",
    "translate --model cyclegan_digits absent.png": "absent.png: no such file or folder",
    "translate --model cyclegan_digits --to blod a.png": "to: cyclegan_digits cannot make 'blod'",
    "train --model gan_ring --set loss.name=hnige": "gan_ring: loss.name: unknown loss 'hnige' (did you mean 'hinge'?)",
    "train --model gan_ring --set generator.network=mpl --quiet": "gan_ring: generator.network: unknown generator",
    "train --model cyclegan_digits --set generator.network=unte --quiet": (
        "cyclegan_digits: generator.network: unknown translator 'unte' (did you mean 'unet'?)"
    ),
    "train --model gan_ring --set model.scheme=vanila --quiet": "gan_ring: model.scheme: unknown scheme 'vanila'",
    "train --model dcgan --set generator.widht=64": "dcgan_mnist: generator.widht: unknown key (did you mean 'width'?)",
    "train --model cyclegan_digits --set generator.blokcs=3": "cyclegan_digits: generator.blokcs: unknown key (did you",
    "train --model gan_ring --set loss.margin=2": "gan_ring: loss.margin: unknown key",
    "train --model r3gan_ring --set penalties.0.gama=1": "r3gan_ring: penalties.0.gama: unknown key",
    'train --model gan_ring --set constraints=[{"name":"weight_clipping","limt":1}]': (
        "gan_ring: constraints.0.limt: unknown key (did you mean 'limit'?)"
    ),
    'train --model gan_ring --set augmentations=[{"name":"diffaugment","polcy":1}]': (
        "gan_ring: augmentations.0.polcy: unknown key"
    ),
    "train --model gan_ring --set penalties.7.name=r1": "penalties.7.name=r1: penalties",
    "train --model gan_ring --set model.critic_setps=2": (
        "gan_ring: model.critic_setps: unknown key (did you mean 'critic_steps'?)"
    ),
    "train --model gan_ring --set dataset.radis=2": "dataset.radis: unknown key (did you mean 'radius'?)",
    "train --model gan_ring --eval_every 5 --set evaluation.by=fdi": "metrics: unknown metric 'fdi'",
    "train --model gan_ring --eval_every 5 --set evaluation.features=x": "evaluation.features: unknown extractor 'x'",
    "train --model gan_ring --strategy mirored": "strategy: expected one of auto, none, mirrored",
    "train --model gan_ring --strategy multiworker": "strategy multiworker: TF_CONFIG is not set",
    "train --model gan_ring --deterministic --xla on": "gan_ring: training.xla: expected off or auto",
    "train --model gan_ring --workdir full": "full: expected an empty folder or a run, got other files",
    "train --model gan_ring --init_from dcgan": "dcgan_mnist: has no trained weights",
    "train --model gan_ring --init_from run": "run: has no checkpoint yet",
    "train --model dcgan --dataset folder:absent": "folder:absent: no such folder (check the path)",
    "train --model dcgan --dataset folder:full": "folder:full: expected images (.jpg, .png, ",
    "train --model dcgan --dataset folder:mixed": "folder:mixed: images both in it (a.png) and in subfolders (b/)",
    "train --model dcgan --dataset mnits": "dataset.name: unknown data set 'mnits' (did you mean 'mnist'?)",
    "train --model cyclegan_monet --data_dir full": "cycle_gan/monet2photo: ",
    "train --model cyclegan_monet --data_dir kaggle": (
        "folder:kaggle: expected folders trainA and trainB, with the images of monet and of photo, got monet_jpg, "
        "monet_tfrec, photo_jpg (rename or link the folder with images of monet: ln -s FOLDER trainA)"
    ),
    "train --model gan_ring --dry_run --set penalties.0.name=r3": "gan_ring: penalties: unknown penalty 'r3'",
    "evaluate --model cgan --metrics fid,fdi": "metrics: unknown metric 'fdi' (did you mean 'fid'?)",
    "evaluate --model cgan --features mnist": "evaluation.features: unknown extractor 'mnist' (did you mean 'mnist_",
    "evaluate --model cgan --metrics kid_ratio": "metrics: kid_ratio needs a model that translates (leave it out)",
    "evaluate --model cgan --real folder:absent": "folder:absent: no such folder (check the path)",
    "evaluate --model cgan --real folder:full": "folder:full: no images in it (looked for ",
    "evaluate --model cgan --to monet": "to=monet: cgan does not translate (leave it out)",
    "evaluate --model cyclegan_digits --to blod": "to: cyclegan_digits cannot make 'blod'",
    "evaluate --model dcgan --data_dir full --real mnist": "dcgan_mnist: has no trained weights",
    "evaluate --model cgan --step 5": "step=5: expected a run directory, got cgan (leave step out)",
    "evaluate --model run --step best": "run: has no best step",
    "evaluate --real folder:absent --fake folder:full": "folder:absent: no such folder (check the path)",
    "evaluate --real mnist_5k --fake folder:full": "real: mnist_5k: a data set by name needs a model",
    "evaluate --speed --features mnist": "evaluation.features: unknown extractor 'mnist'",
    "export --model dcgan": "dcgan_mnist: has no trained weights",
    "export --model run": "run: has no checkpoint yet",
    "export --model cgan --name a/b": "name: expected a letter or digit",
    "export --model cgan --out base": "base/cgan_mnist/1: already exists",
    "export --model cgan --precision bfloat16 --format onnx": "precision bfloat16: only for a SavedModel",
    "export --model cgan --deploy full": "full/README.md: already exists",
    f"publish --run absent {PUBLISH}": "unknown model 'absent'",
    f"publish --run run {PUBLISH}": "run: expected a finished run (repeat its command to resume it)",
    "verify_card dcgan": "dcgan_mnist: has no card",
    "verify_card cyclegan_monet --data_dir full": "cycle_gan/monet2photo: ",
    "request --server grpc://h:1 --model m absent.png": "absent.png: no such file or folder",
    "request --server grpc://h --model m": "address: expected http://HOST:PORT",
    "request --server grpc://h:1 --model m --out a.jpg": "--out: expected FILE.png",
    "request --server grpc://h:1 --model m --size 8 --longest 8 a.png": "--size, --longest: expected one of them",
    "benchmark --model gan_ring --set loss.name=hnige": "gan_ring: loss.name: unknown loss 'hnige'",
    "benchmark --model gan_ring --strategy mirored": "strategy: expected one of auto, none, mirrored",
    "import_torch --file absent.pth --domains a,b --to b --out new": "absent.pth: ",
    "serve --models absent": "absent: ",
    "models dcgan --card": "dcgan_mnist: has no card",
}

KAGGLE = ("kaggle/monet_jpg/a.jpg", "kaggle/photo_jpg/a.jpg", "kaggle/monet_tfrec/a.tfrec")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Command line -> (exit code, standard error, whether TensorFlow is there), from one fresh process."""
    here = tmp_path_factory.mktemp("here")
    for file in (
        "full/README.md",
        "base/cgan_mnist/1/saved_model.pb",
        "a.png",
        "mixed/a.png",
        "mixed/b/b.png",
        *KAGGLE,
        "foreign/weights.safetensors",
    ):
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).touch()
    for folder in ("run", "foreign"):
        (here / folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (here / folder / "config.yaml").write_text(ganzoo.config("gan_ring").to_yaml())
    (here / "foreign" / "checkpoints").rmdir()
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://proxy.invalid:3128")
    argv = [sys.executable, "-c", SCRIPT, json.dumps(list(REFUSED))]
    variables = {**os.environ, **proxies, "PYTHONPATH": str(Path(ganzoo.__file__).parents[1])}
    done = subprocess.run(argv, capture_output=True, text=True, cwd=here, env=variables, check=True)
    return dict(zip(REFUSED, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("line", REFUSED)
def test_it_is_refused_without_tensorflow(line, answers):
    code, err, started = answers[line]
    assert err.startswith(f"ganzoo {line.split()[0]}: {REFUSED[line]}")
    assert (code, err.count("\n"), started) == (2, 1, False)
