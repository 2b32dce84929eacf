"""Protects `attack=a,b,c`: it reaches each attack's own keys, and what it cannot mean is said."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from tests.arena_toys import plain, yaml_of
from video_attack.agents.configs import command_line as configuration
from video_attack.agents.configs.attack_list import spread_attacks
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.evaluation.arena import attack_configs

ROOT = Path(__file__).parents[1]


def composed(*arguments):
    configuration.prepare()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        found = compose("evaluate", spread_attacks([*arguments, "checkpoint=x", "run_dir=x"]))
    GlobalHydra.instance().clear()
    return OmegaConf.to_container(found, resolve=True)


@pytest.mark.parametrize(
    "form", ["attack=random,marl", "attack=[random, marl]", "attack='random,marl,'"]
)
def test_a_list_of_attacks_reaches_each_ones_keys(form):
    found = composed(form, "attacks.marl.greedy=true", "attacks.random.codec_in_loop=h264:23")
    assert found["attack"] is None and list(found["attacks"]) == ["random", "marl"]
    assert found["attacks"]["marl"]["greedy"] is True
    assert found["attacks"]["marl"]["policy"] == "x"
    assert found["attacks"]["random"]["codec_in_loop"] == "h264:23"


def test_one_attack_keeps_its_own_keys_and_may_be_joined_by_another_of_its_kind():
    found = composed("attack=marl", "attack.greedy=true", "attack.codec_in_loop=h264:5",
                     "+attack@attacks.drawn=marl", "attacks.drawn.greedy=false")  # fmt: skip
    assert found["attack"]["greedy"] is True and found["attack"]["codec_in_loop"] == "h264:5"
    assert found["attacks"]["drawn"]["greedy"] is False


def test_overrides_stay_together_among_the_options():
    given = ["--config-dir", "c", "model=toy", "attack=a,b", "seed=1"]
    spread = ["~attack", "+attack@attacks.a=a", "+attack@attacks.b=b"]
    assert spread_attacks(given) == ["--config-dir", "c", "model=toy", *spread, "seed=1"]
    for untouched in (["--multirun", "attack=a,b"], ["seed=1"], ["attack=a"]):
        assert spread_attacks(untouched) == untouched


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("attack=none,square", "run it without other attacks"),
        ("attack=square,square", "name square once"),
        (
            "attack=square,nes attack.p=1",
            r"attack\.p=1: of which attack\? Write attacks\.square\.p=1",
        ),
        ("attack=square,nes attacks.simba.p=1", "simba is not among attack=square,nes"),
        ("attack=square attacks.square.p=1", r"write attack\.p=1"),
        ("attacks.square.p=1", r"write attack\.p=1"),
    ],
)
def test_what_a_list_cannot_mean_is_said(given, words):
    with pytest.raises(ConfigError, match=words):
        spread_attacks(given.split())


def test_each_shipped_attack_goes_by_the_name_of_its_file():
    for path in sorted((ROOT / "conf/attack").glob("*.yaml")):
        assert list(attack_configs(plain(attack=yaml_of(f"attack/{path.stem}"), attacks={}))) == [
            path.stem
        ]
