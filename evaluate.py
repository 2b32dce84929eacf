"""Attack held-out clips: `python evaluate.py [checkpoint=...] [attack=a,b,c] [key=value ...]`."""

import os
import sys

# Before PyTorch is loaded: idle threads that spin make small networks slow beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hydra
import torch
from omegaconf import DictConfig

from agents.arena import contenders
from agents.attacks.no_attack import NoAttack
from agents.build import build_setting
from agents.command_line import arrange
from agents.config import plain_errors, prepare, start
from agents.evaluation import evaluate
from agents.provenance import note_run
from agents.robustness import measure


@hydra.main(version_base=None, config_path="conf", config_name="evaluate")
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
    with plain_errors():
        prepare()
        sys.argv[1:] = arrange("evaluate", sys.argv[1:])
        main()
