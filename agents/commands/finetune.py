"""Fine-tune a victim: `video-attack finetune model=... dataset=... [key=value ...]`."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import plain_errors, prepare
from video_attack.agents.finetune.finetune import finetune
from video_attack.agents.run_folder import opened

CONF = Path(__file__).parents[2] / "conf"


@hydra.main(version_base=None, config_path=str(CONF), config_name="finetune")
def main(config: DictConfig) -> None:
    """Fine-tune."""
    with opened(config) as (plain, folder):
        finetune(plain, folder)


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    with plain_errors():
        prepare()
        main()
