"""A run's folder from the first line written into it to the last."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from video_attack.agents.configs.command_line import start
from video_attack.agents.core.log_file import ONCE
from video_attack.agents.core.run_lock import owned


@contextlib.contextmanager
def opened(config: DictConfig) -> Iterator[tuple[dict[str, Any], Path]]:
    """What `command_line.start` returns, in a folder that no other process can use meanwhile.

    Raises:
        FolderError: another process has it, or it cannot be written; and what `start` raises.
    """
    with owned(Path(HydraConfig.get().runtime.output_dir)):
        try:
            yield start(config)
        finally:
            ONCE.report()
