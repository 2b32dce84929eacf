"""What goes into a wheel: the checkout's folders, all below the one name `video_attack`.

Everything else is in pyproject.toml, which cannot map folders that it does not list.
"""

from setuptools import find_namespace_packages, setup

inside = find_namespace_packages(include=["envs*", "agents*", "conf*"], exclude=["*__pycache__*"])
setup(
    packages=["video_attack", *(f"video_attack.{name}" for name in inside)],
    package_dir={f"video_attack.{name}": name for name in ("envs", "agents", "conf")},
)
