"""Fine-tune a victim: `video-attack finetune model=... dataset=... [key=value ...]`."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before PyTorch is loaded: see train.py

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import CONF, plain_errors, prepare, start
from video_attack.agents.finetune.finetune import finetune


@hydra.main(version_base=None, config_path=CONF, config_name="finetune")
def main(config: DictConfig) -> None:
    """Fine-tune."""
    finetune(*start(config))


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    with plain_errors():
        prepare()
        main()
