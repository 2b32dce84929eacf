"""Train the two agents, then attack held-out clips: `video-attack train [key=value ...]`."""

from video_attack.agents.core.needs import begin
from video_attack.agents.core.shell import open_shell

open_shell()  # before PyTorch, Matplotlib and Ray are loaded
begin("train", "hydra", "matplotlib", "ray", "tensorboardX", user="train")

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors
from video_attack.agents.configs.jobs import run_command
from video_attack.agents.configs.run_folder import opened
from video_attack.agents.core.trust import CONF


@hydra.main(version_base=None, config_path=str(CONF), config_name="train")
@plain_errors()
def main(config: DictConfig) -> None:
    """Train, then attack held-out clips."""
    from video_attack.agents.training.trainer import train

    with opened(config) as (plain, folder):
        train(plain, folder)


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    run_command("train", main)
