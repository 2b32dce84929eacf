"""Protects `attack=a,b,c`: it reaches each attack's own keys, and what it cannot mean is said."""

from pathlib import Path

import pytest

from tests import commands
from tests.arena_toys import plain, yaml_of
from video_attack.agents.configs.arrange import arrange
from video_attack.agents.configs.command_line import prepare
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.evaluation.arena import attack_configs

ROOT = Path(__file__).parents[1]


def composed(*arguments):
    return commands.composed("evaluate", *arguments, "checkpoint=null")


@pytest.mark.parametrize(
    "form",
    [
        "attack=random,marl",
        "attack=[random, marl]",
        "attack='random,marl,'",
        'attack=["random",marl]',
    ],
)
def test_a_list_of_attacks_reaches_each_ones_keys(form):
    found = composed(form, "attacks.marl.greedy=true", "attacks.random.codec_in_loop=h264:23")
    assert found["attack"] is None and list(found["attacks"]) == ["random", "marl"]
    assert found["attacks"]["marl"]["greedy"] is True
    assert found["attacks"]["marl"]["policy"] is None  # as the checkpoint
    assert found["attacks"]["random"]["codec_in_loop"] == "h264:23"


def test_one_attack_keeps_its_own_keys_and_may_be_joined_by_another_of_its_kind():
    found = composed("attack=marl", "attack.greedy=true", "attack.codec_in_loop=h264:5",
                     "+attack@attacks.drawn=marl", "attacks.drawn.greedy=false")  # fmt: skip
    one, other = found["attacks"]["marl"], found["attacks"]["drawn"]
    assert one["greedy"] is True and one["codec_in_loop"] == "h264:5"
    assert other["greedy"] is False and "codec_in_loop" not in other


def test_an_attack_without_a_package_of_its_own_is_addressed_as_before(tmp_path):
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack/theirs.yaml").write_text("_target_: tests.arena_toys.Ramp\nstep: 20\n")
    found = commands.composed("evaluate", f"hydra.searchpath=[file://{tmp_path}]", "attack=theirs",
                              "attack.step=1e1", "checkpoint=null")  # fmt: skip
    assert found["attack"] == {"_target_": "tests.arena_toys.Ramp", "step": 10}
    assert found["attacks"] == {}


def test_a_surrogate_is_any_model_of_the_configuration():
    found = composed("attack=gfcs", "attack.surrogate=r3d", "attack.surrogate.weights=w.pt")
    assert found["attacks"]["gfcs"]["surrogate"]["net"] == "r3d_18"
    assert found["attacks"]["gfcs"]["surrogate"]["weights"] == "w.pt"
    found = composed("attack=gfcs,square", "attacks.gfcs.surrogate=tiny3d")
    assert (
        found["attacks"]["gfcs"]["surrogate"]["_target_"]
        == "video_attack.envs.victims.tiny3d.Tiny3D"
    )
    assert "surrogate" not in composed("attack=transfer")["attacks"]["transfer"]


def test_overrides_stay_together_among_the_options():
    prepare()
    given = ["--config-dir", "tests/conf", "model=toy", "attack=square,nes", "seed=1"]
    assert arrange("evaluate", given) == [*given[:3], "attack=[square,nes]", "seed=1"]
    swept = ["--multirun", "attack=square,nes"]
    assert arrange("evaluate", swept) == swept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("attack=none,square", "run it without other attacks"),
        ("attack=square,square", "name square once"),
        (
            "attack=square,nes attack.p=1",
            r"attack\.p=1: of which attack\? Write attacks\.square\.p=1",
        ),
        ("attack=square,nes attacks.simba.p=1", r"simba is not among the .*\(square, nes\)"),
        ("attacks.square.p=1", r"square is not among the .*\(marl\): write attacks\.marl\.p"),
        ("attack=[none,square]", "run it without other attacks"),
    ],
)
def test_what_a_list_cannot_mean_is_said(given, words):
    with pytest.raises(ConfigError, match=words):
        composed(*given.split())


def test_the_keys_of_one_attack_are_reached_by_its_name_and_without():
    for key in ("attack.p_init", "attacks.square.p_init"):
        found = composed("attack=square", f"{key}=0.1")
        assert found["attacks"]["square"]["p_init"] == 0.1


def test_each_shipped_attack_goes_by_the_name_of_its_file():
    for path in sorted((ROOT / "conf/attack").glob("*.yaml")):
        assert list(attack_configs(plain(attack=yaml_of(f"attack/{path.stem}"), attacks={}))) == [
            path.stem
        ]
        assert list(composed(f"attack={path.stem}")["attacks"]) == [path.stem]


@pytest.mark.parametrize("attacks", ["attack=square", "attack=square,simba"])
def test_the_margin_is_the_runs_whoever_it_is_told_to(attacks):
    found = composed(attacks, "attack.margin=0.5")
    assert found["margin"] == 0.5
    assert all("margin" not in keys for keys in found["attacks"].values())
