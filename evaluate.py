"""Attack held-out clips: `python evaluate.py [checkpoint=...] [attack=a,b,c] [key=value ...]`."""

import os

# Before PyTorch is loaded: idle threads that spin make small networks slow beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hydra
import torch
from omegaconf import DictConfig

from agents.arena import contenders
from agents.attacks.no_attack import NoAttack
from agents.build import build_setting
from agents.config import plain_errors, start
from agents.evaluation import evaluate
from agents.jobs import run_command
from agents.provenance import note_run
from agents.robustness import measure


@hydra.main(version_base=None, config_path="conf", config_name="evaluate")
@plain_errors()
def main(config: DictConfig) -> None:
    """Build, attack (or, with attack=none, classify), report."""
    plain, folder = start(config)
    if plain["threads"]:
        torch.set_num_threads(plain["threads"])
    setting = build_setting(plain)
    attacks = contenders(setting, plain)
    note_run(setting, plain, folder)
    if isinstance(attacks[0].method, NoAttack):
        measure(attacks[0].method.severities, setting, plain, folder)
    else:
        evaluate(attacks, setting, plain, folder, resume=plain["resume"])


if __name__ == "__main__":
    run_command("evaluate", main)
