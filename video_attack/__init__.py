"""Robustness evaluation of video classifiers: `envs` is the game, `agents` plays and measures it."""

from pathlib import Path

_here = Path(__file__).resolve().parent
# In a wheel the folders lie in here; in a checkout they stand beside, where the user sees them.
if not (_here / "envs").is_dir():
    __path__.append(str(_here.parent))
