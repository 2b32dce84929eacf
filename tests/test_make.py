"""Protects `video_attack.make`: names mean what they mean to the commands, objects stand for themselves, and
whatever does not fit is one sentence."""

import sys

import pytest
from commands import composed
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from toys import BrightnessVictim, DarkClips, brighten

import video_attack
from video_attack import make
from video_attack.agents.core import needs
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.trust import CONF
from video_attack.agents.setup.attack_setup import build_setup
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.joint import JointEnv
from video_attack.envs.game.turns import TurnsEnv
from video_attack.envs.game.vector import JointVector, ParallelVector, SharedVector


def test_names_set_up_what_the_same_words_set_up_on_a_command_line():
    env = make("tiny3d", "actions", experiment="linf", overrides=["env.grid=5"], flat_obs=True)
    words = ("model=tiny3d", "dataset=actions", "experiment=linf", "env.grid=5")
    setup = build_setup(composed("train", *words))
    theirs = setup.env("train")
    assert (env.config, env.bound, env.severity) == (theirs.config, theirs.bound, theirs.severity)
    assert env.action_spaces == theirs.action_spaces and env.flat_obs
    assert env.dataset[3].id == theirs.dataset[3].id
    assert make(dataset="actions", split="test").dataset[0].id != env.dataset[0].id


def test_rules_are_those_of_the_setting_but_for_what_is_named():
    env = make("tiny3d", config={"budget": 33, "reward": {"flip": 2.0}}, overrides=["env.grid=5"])
    assert (env.config.budget, env.config.grid, env.config.reward.flip) == (33, 5, 2.0)
    assert make("tiny3d", config=GameConfig(budget=12)).config == GameConfig(budget=12)


def test_objects_need_no_hydra(monkeypatch):
    monkeypatch.setitem(sys.modules, "hydra", None)
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    env = make(BrightnessVictim(), DarkClips(), brighten, config={"grid": 4, "budget": 5})
    assert isinstance(env, VideoAttackEnv) and env.distort is brighten
    env.reset(seed=0)
    with pytest.raises(
        ConfigError, match=r"needs hydra: pip install 'video-attack-marl\[evaluate\]'"
    ):
        make("tiny3d")


def test_an_object_among_names_stands_for_its_group():
    victim = BrightnessVictim()
    env = make(victim, DarkClips(), bound="linf", overrides=["env.grid=4"])
    assert env.victim is victim and env.bound.kind == "linf" and env.config.grid == 4
    assert make("tiny3d", distortion=brighten).distort is brighten


@pytest.mark.parametrize(
    ("form", "count", "kind"),
    [
        ("parallel", None, VideoAttackEnv), ("aec", None, TurnsEnv), ("joint", None, JointEnv),
        ("shared", None, SharedVector), ("parallel", 2, ParallelVector), ("joint", 3, JointVector),
        ("shared", 2, SharedVector),
    ],
)  # fmt: skip
def test_each_form(form, count, kind):
    assert type(make(form=form, num_envs=count)) is kind


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"model": "i4d"}, "model=i4d: there is no such choice"),
        ({"experiment": "l1"}, "experiment=l1: there is no such choice"),
        ({"overrides": ["model.wights=3"]}, "unknown key 'model.wights'"),
        ({"weights": "x.pt"}, r"overrides=\['GROUP.weights=...'\]"),
        ({"form": "gym"}, "parallel, aec, joint, shared"),
        ({"form": "aec", "num_envs": 2}, "not with form='aec'"),
        ({"model": BrightnessVictim(), "defence": "blur"}, "wrap your object in Defended"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_a_sentence(words, said):
    with pytest.raises(ConfigError, match=said):
        make(**words)


def test_clips_that_are_not_there_say_where_to_get_them():
    with pytest.raises(DatasetError, match="trainlist01"):
        make("tiny3d", "ucf101")


def test_a_program_of_hydras_own_finds_its_hydra_again(tmp_path):
    (tmp_path / "mine.yaml").write_text("key: 1\n")
    with initialize_config_dir(str(tmp_path), version_base=None):
        make("tiny3d")
        assert compose("mine").key == 1
    assert not GlobalHydra.instance().is_initialized()


def test_a_folder_of_ones_own_is_searched(tmp_path):
    (tmp_path / "distortion").mkdir()
    text = (CONF / "distortion/gaussian_noise.yaml").read_text()
    (tmp_path / "distortion/mine.yaml").write_text(text.replace("severity: 5", "severity: 2"))
    assert make(distortion="mine", config_dir=tmp_path).severity == 2


def test_the_package_names_what_it_has():
    assert video_attack.__all__ == ["make"]
    with pytest.raises(AttributeError, match="no attribute 'mak'"):
        video_attack.mak  # noqa: B018
