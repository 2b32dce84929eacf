"""Train the two agents, then attack held-out clips: `video-attack train [key=value ...]`."""

import os

# Before PyTorch is loaded: idle threads that spin make small networks slow beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors, start
from video_attack.agents.configs.jobs import run_command
from video_attack.agents.core.trust import CONF


@hydra.main(version_base=None, config_path=str(CONF), config_name="train")
@plain_errors()
def main(config: DictConfig) -> None:
    """Train, then attack held-out clips."""
    from video_attack.agents.training.trainer import train

    train(*start(config))


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    run_command("train", main)
