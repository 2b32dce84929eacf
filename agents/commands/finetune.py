"""Fine-tune a victim: `video-attack finetune model=... dataset=... [key=value ...]`."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before PyTorch is loaded: see train.py

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors, start
from video_attack.agents.configs.jobs import run_command
from video_attack.agents.core.trust import CONF
from video_attack.agents.finetune.finetune import finetune


@hydra.main(version_base=None, config_path=str(CONF), config_name="finetune")
@plain_errors()
def main(config: DictConfig) -> None:
    """Fine-tune."""
    finetune(*start(config))


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    run_command("finetune", main)
