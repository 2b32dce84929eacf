"""Train the two agents: `python train.py [group=choice ...] [key=value ...]`."""

from video_attack.agents.shell import open_shell

open_shell()

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors, prepare
from video_attack.agents.run_folder import opened


@hydra.main(version_base=None, config_path="conf", config_name="train")
def main(config: DictConfig) -> None:
    """Train, then attack held-out clips."""
    from video_attack.agents.training.trainer import train

    with opened(config) as (plain, folder):
        train(plain, folder)


if __name__ == "__main__":
    with plain_errors():
        prepare()
        main()
