"""Train the two agents: `python train.py [group=choice ...] [key=value ...]`."""

from agents.shell import open_shell

open_shell()

import hydra
from omegaconf import DictConfig

from agents.config import plain_errors, prepare
from agents.run_folder import opened


@hydra.main(version_base=None, config_path="conf", config_name="train")
def main(config: DictConfig) -> None:
    """Train, then attack held-out clips."""
    from agents.training import train

    with opened(config) as (plain, folder):
        train(plain, folder)


if __name__ == "__main__":
    with plain_errors():
        prepare()
        main()
