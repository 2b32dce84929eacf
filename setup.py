"""What goes into a wheel, and what it needs; also the build backend that pyproject.toml names.

A wheel holds the checkout's folders, all below the one name `video_attack`. It needs what the game, the
victims and the attacks need; Ray, Hydra and Matplotlib are its extras, so that it can be installed beside
any library. A checkout is there to train: its editable install (`pip install -e .`) brings them.
"""

import os
from typing import Any

from setuptools import build_meta, find_namespace_packages, setup
from setuptools.build_meta import *  # noqa: F403 - the hooks of a wheel are setuptools' own

EDITABLE = (
    "VIDEO_ATTACK_EDITABLE"  # set between the hooks below and this file as setuptools runs it
)
CORE = [
    # 2.13.0 is the newest release tested; the bound also lets pip keep an installed CPU build.
    "torch>=2.6,<=2.13.0",
    "pettingzoo>=1.24.3,<2",
    "gymnasium>=1.1,<2",
    "numpy>=1.26",
    "scipy>=1.12",
    # The headless build has the same cv2 without Qt and libGL, which servers seldom have.
    "opencv-python-headless>=4.10",
    # 13 to 18 decode alike: see envs/datasets/av_versions.py; 19 drops the option that odd metadata needs.
    "av>=13,<19",
    "scikit-image>=0.24",
    "pyyaml>=6",
    "tqdm>=4.66",
]


def prepare_metadata_for_build_editable(*args: Any, **kwargs: Any) -> str:
    """What a checkout needs."""
    os.environ[EDITABLE] = "1"
    return build_meta.prepare_metadata_for_build_editable(*args, **kwargs)


def build_editable(*args: Any, **kwargs: Any) -> str:
    """Links to a checkout."""
    os.environ[EDITABLE] = "1"
    return build_meta.build_editable(*args, **kwargs)


if __name__ == "__main__":
    inside = find_namespace_packages(
        include=["envs*", "agents*", "conf*"], exclude=["*__pycache__*"]
    )
    setup(
        packages=["video_attack", *(f"video_attack.{name}" for name in inside)],
        package_dir={f"video_attack.{name}": name for name in ("envs", "agents", "conf")},
        install_requires=[*CORE, *["video-attack-marl[train]"] * (EDITABLE in os.environ)],
    )
