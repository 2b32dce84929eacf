"""Robustness evaluation of video classifiers: `envs` is the game, `agents` plays and measures it.

`video_attack.make` sets the game up from names or objects.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from video_attack.agents.configs.make import make

__all__ = ["make"]

_here = Path(__file__).resolve().parent
# In a wheel the folders lie in here; in a checkout they stand beside, where the user sees them.
if not (_here / "envs").is_dir():
    __path__.append(str(_here.parent))


def __getattr__(name: str) -> Any:
    """`make`, loaded when it is asked for: nothing is imported with this package alone."""
    if name != "make":
        raise AttributeError(f"module 'video_attack' has no attribute {name!r}")
    from video_attack.agents.configs.make import make

    return make
