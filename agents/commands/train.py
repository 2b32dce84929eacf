"""Train the two agents, then attack held-out clips: `video-attack train [key=value ...]`."""

import os

# Before PyTorch is loaded: idle threads that spin make small networks slow beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import CONF, plain_errors, prepare, start


@hydra.main(version_base=None, config_path=CONF, config_name="train")
def main(config: DictConfig) -> None:
    """Train, then attack held-out clips."""
    from video_attack.agents.training.trainer import train

    train(*start(config))


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    with plain_errors():
        prepare()
        main()
