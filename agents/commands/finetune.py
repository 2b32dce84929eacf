"""Fine-tune a victim: `video-attack finetune model=... dataset=... [key=value ...]`."""

from video_attack.agents.core.needs import begin
from video_attack.agents.core.shell import open_shell

open_shell()  # before PyTorch, Matplotlib and Ray are loaded
begin("evaluate", "hydra", user="finetune")

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors
from video_attack.agents.configs.jobs import run_command
from video_attack.agents.configs.run_folder import opened
from video_attack.agents.core.trust import CONF
from video_attack.agents.finetune.finetune import finetune


@hydra.main(version_base=None, config_path=str(CONF), config_name="finetune")
@plain_errors()
def main(config: DictConfig) -> None:
    """Fine-tune."""
    with opened(config) as (plain, folder):
        finetune(plain, folder)


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    run_command("finetune", main)
