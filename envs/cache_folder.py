"""Where downloaded weights and decoded clips are kept between runs."""

import os
from pathlib import Path

CACHE_VARIABLE = "VIDEO_ATTACK_CACHE"


def cache_folder() -> Path:
    """The folder that VIDEO_ATTACK_CACHE names, ~/.cache/video-attack-marl unless it is set."""
    return Path(os.environ.get(CACHE_VARIABLE) or "~/.cache/video-attack-marl").expanduser()
