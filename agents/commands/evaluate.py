"""Attack held-out clips: `video-attack evaluate [checkpoint=...] [attack=a,b,c] [key=value ...]`."""

from video_attack.agents.core.needs import begin
from video_attack.agents.core.shell import open_shell

open_shell()  # before PyTorch, Matplotlib and Ray are loaded
begin("evaluate", "hydra", "matplotlib", user="evaluate")

import hydra
import torch
from omegaconf import DictConfig

from video_attack.agents.attacks.no_attack import NoAttack
from video_attack.agents.configs.command_line import plain_errors
from video_attack.agents.configs.jobs import run_command
from video_attack.agents.configs.run_folder import opened
from video_attack.agents.core.trust import CONF
from video_attack.agents.evaluation.arena import contenders
from video_attack.agents.evaluation.corruptions import measure
from video_attack.agents.evaluation.metadata import note_run
from video_attack.agents.evaluation.runner import evaluate
from video_attack.agents.setup.attack_setup import build_setup


@hydra.main(version_base=None, config_path=str(CONF), config_name="evaluate")
@plain_errors()
def main(config: DictConfig) -> None:
    """Build, attack (or, with attack=none, classify), report."""
    with opened(config) as (plain, folder):
        if plain["threads"]:
            torch.set_num_threads(plain["threads"])
        setup = build_setup(plain)
        attacks = contenders(setup, plain)
        note_run(setup, plain, folder)
        if isinstance(attacks[0].method, NoAttack):
            measure(attacks[0].method.severities, setup, plain, folder)
        else:
            evaluate(attacks, setup, plain, folder, resume=plain["resume"])


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    run_command("evaluate", main)
