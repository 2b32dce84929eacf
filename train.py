"""Train the two agents: `python train.py [group=choice ...] [key=value ...]`."""

import os

# Before PyTorch is loaded: idle threads that spin make small networks slow beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors, start
from video_attack.agents.jobs import run_command


@hydra.main(version_base=None, config_path="conf", config_name="train")
@plain_errors()
def main(config: DictConfig) -> None:
    """Train, then attack held-out clips."""
    from video_attack.agents.training.trainer import train

    train(*start(config))


if __name__ == "__main__":
    run_command("train", main)
