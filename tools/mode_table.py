"""Print tables of the modes that losses and remedies find, seed by seed (1 to 2 minutes a run); see docs/modes.md.

Usage: python tools/mode_table.py [--models r3gan_ring,r3gan_grid] [--variants recipe,minimax] [--seeds 10]
Results are kept in --workdir, and a run that is there with the same settings is not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import ganzoo
from ganzoo.training.directory import RunDirectory, evaluations

MODES = {"r3gan_ring": 8, "r3gan_grid": 25}
NONE = "penalties=[]"
# What each variant changes in the zoo's config; everything else, such as networks and steps, stays.
VARIANTS = {
    "recipe": [],
    "minimax": ["loss.name=minimax", NONE],
    "non_saturating": ["loss.name=non_saturating", NONE],
    "least_squares": ["loss.name=least_squares", NONE],
    "hinge": ["loss.name=hinge", NONE],
    "relativistic": [NONE],
    "minimax+soft_labels": ["loss={name: minimax, label_smoothing: 0.1}", NONE],
    "minimax+instance_noise": [
        "loss.name=minimax",
        NONE,
        "augmentations=[{name: instance_noise, sigma: 0.5, steps: 2500}]",
    ],
    "minimax+two_time_scales": ["loss.name=minimax", NONE, "optimizer.generator.learning_rate=2.5e-4"],
    "minimax+feature_matching": [
        "loss.name=minimax",
        "discriminator.features=true",
        "penalties=[{name: feature_matching, weight: 1.0}]",
    ],
    "minimax+r1": ["loss.name=minimax", "penalties=[{name: r1, weight: 0.02}]"],
    "wasserstein+clipping": ["loss.name=wasserstein", NONE, "constraints=[{name: weight_clipping, limit: 0.1}]"],
    "wasserstein+gradient_penalty": ["loss.name=wasserstein", "penalties=[{name: gradient_penalty, weight: 1.0}]"],
}


def main() -> None:
    """Train what is missing, then print a table for each model."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--models", default=",".join(MODES), help="Names of the models, with commas")
    asked.add_argument("--variants", default="recipe,minimax", help="Of: " + ", ".join(VARIANTS))
    asked.add_argument("--seeds", type=int, default=10, choices=range(1, 101), metavar="N", help="Seeds 0 to N - 1")
    asked.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="Further change of the config")
    asked.add_argument("--workdir", type=Path, default=Path("runs/modes"), help="Folder of the results")
    given = asked.parse_args()
    for flag, known in (("models", list(MODES)), ("variants", list(VARIANTS))):
        for name in getattr(given, flag).split(","):
            if name not in known:
                asked.error(f"--{flag}: expected some of {', '.join(known)}, got {name}")
    for model in given.models.split(","):
        found = {
            variant: [measured(model, variant, seed, given.set, given.workdir) for seed in range(given.seeds)]
            for variant in given.variants.split(",")
        }
        print(f"\n{model}, {given.seeds} seeds\n\n{table(found, MODES[model])}", flush=True)


def measured(model: str, variant: str, seed: int, settings: list[str], workdir: Path) -> dict[str, Any]:
    """Return the metrics at the end of a training, and the CPU time of the whole command in seconds."""
    run = workdir / model / variant / str(seed)
    kept = run.with_suffix(".json")
    result: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    config = ganzoo.config(model).to_dict()
    if (result.get("settings"), result.get("config")) != (settings, config):
        command = [sys.executable, "-m", "ganzoo", "train", "--quiet", "--model", model, "--seed", str(seed)]
        for setting in VARIANTS[variant] + settings:
            command += ["--set", setting]
        before = os.times()
        shutil.rmtree(run, ignore_errors=True)  # of other settings
        subprocess.run([*command, "--workdir", str(run)], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        seconds = after.children_user + after.children_system - before.children_user - before.children_system
        made = {"seconds": seconds, "settings": settings, "config": config}
        result = {**evaluations(RunDirectory(run))[-1]["metrics"], **made}
        kept.write_text(json.dumps(result))
    return result


def table(found: dict[str, list[dict[str, Any]]], modes: int) -> str:
    """Format the results of the variants as Markdown: means over the seeds, and the modes seed by seed.

    Within the limits are seeds with all modes, at least 95% good samples and a reverse KL of at most 0.02.
    """
    rows = [
        "| | modes | good samples | reverse KL | within limits | modes by seed | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant, results in found.items():
        covered, good, kl = (
            np.array([each[f"mixture_{name}_identity"] for each in results]) for name in ("modes", "good", "reverse_kl")
        )
        within = int(np.sum((covered == modes) & (good >= 0.95) & (kl <= 0.02)))
        by_seed = " ".join(f"{number:.0f}" for number in covered)
        seconds = np.mean([each["seconds"] for each in results])
        rows.append(
            f"| {variant} | {covered.mean():.1f} | {good.mean():.1%} | {kl.mean():.3f} | {within} of {len(results)} "
            f"| {by_seed} | {seconds:.0f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
