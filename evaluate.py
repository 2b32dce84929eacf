"""Attack held-out clips: `python evaluate.py [checkpoint=...] [attack=a,b,c] [key=value ...]`."""

from video_attack.agents.shell import open_shell

open_shell()

import sys

import hydra
import torch
from omegaconf import DictConfig

from video_attack.agents.attacks.no_attack import NoAttack
from video_attack.agents.configs.attack_list import spread_attacks
from video_attack.agents.configs.command_line import carry_settings, plain_errors, prepare
from video_attack.agents.evaluation.arena import contenders
from video_attack.agents.evaluation.corruptions import measure
from video_attack.agents.evaluation.metadata import note_run
from video_attack.agents.evaluation.runner import evaluate
from video_attack.agents.run_folder import opened
from video_attack.agents.setup.setting import build_setting


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
