"""Protects users of the names before `video_attack`: one sentence says the new one, their runs go on, and
their own packages that happen to be called `envs` or `agents` are theirs."""

import subprocess
import sys
from pathlib import Path

import pytest

from video_attack.agents.configs.command_line import refuse_changes
from video_attack.agents.core.build import locate, respelled
from video_attack.agents.core.errors import CheckpointError, ConfigError

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ("envs.victims.tiny3d.Tiny3D", "video_attack.envs.victims.tiny3d.Tiny3D"),
        ("agents.attacks.nes.Nes", "video_attack.agents.attacks.gradient.nes.Nes"),
        ("envs.datasets.actions.Actions", "video_attack.envs.datasets.actions.Actions"),
        ("envs.victims.defences.jpeg.jpeg", "video_attack.envs.victims.defences.jpeg.jpeg"),
        ("envs.distortions.jpeg.jpeg", "video_attack.envs.distortions.jpeg.jpeg"),
    ],
)
def test_an_old_name_is_refused_with_the_new_one(old: str, now: str) -> None:
    assert callable(locate(now))
    with pytest.raises(ConfigError) as said:
        locate(old)
    assert str(said.value).endswith(f"write {now}") and "\n" not in str(said.value)


def test_other_names_are_not_taken_for_old_ones() -> None:
    assert respelled("envs.mine.Thing") is None and respelled("tests.toys.brighten") is None


def test_an_old_run_goes_on_and_another_component_does_not() -> None:
    old = {"model": {"_target_": "envs.victims.tiny3d.Tiny3D"}}
    refuse_changes({"model": {"_target_": "video_attack.envs.victims.tiny3d.Tiny3D"}}, old)
    with pytest.raises(CheckpointError, match=r"model\._target_"):
        refuse_changes({"model": {"_target_": "video_attack.envs.victims.i3d.I3D"}}, old)


def test_a_users_own_envs_and_agents_are_theirs(tmp_path) -> None:
    for name in ("envs", "agents"):
        (tmp_path / name / "victims").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "victims" / "tiny3d.py").write_text(f"def Tiny3D(): return '{name}'\n")
    code = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from video_attack.agents.core.build import locate\n"
        "print(locate('envs.victims.tiny3d.Tiny3D')(), locate('agents.victims.tiny3d.Tiny3D')())\n"
        "print(locate('video_attack.envs.victims.tiny3d.Tiny3D').__module__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)], cwd=tmp_path, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.splitlines() == ["envs agents", "video_attack.envs.victims.tiny3d"]
