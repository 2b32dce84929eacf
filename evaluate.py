"""Attack held-out clips: `python evaluate.py [checkpoint=...] [attack=a,b,c] [key=value ...]`."""

from agents.shell import open_shell

open_shell()

import sys

import hydra
import torch
from omegaconf import DictConfig

from agents.arena import contenders
from agents.attack_list import spread_attacks
from agents.attacks.no_attack import NoAttack
from agents.build import build_setting
from agents.config import carry_settings, plain_errors, prepare
from agents.evaluation import evaluate
from agents.provenance import note_run
from agents.robustness import measure
from agents.run_folder import opened


@hydra.main(version_base=None, config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> None:
    """Build, attack (or, with attack=none, classify), report."""
    with opened(config) as (plain, folder):
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
        sys.argv[1:] = spread_attacks(carry_settings(sys.argv[1:]))
        main()
