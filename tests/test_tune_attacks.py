"""Protects the tuning script: its lists name constants that the attacks have and values that they take,
and what it measures tells a working value from an idle one."""

from typing import Any

import pytest

from benchmarks.tune_attacks import EDGED, FREE, watch_margins
from tests.attack_toys import BOUNDS, LinearVictim, grey_clip, rules, shipped
from video_attack.agents.attacks.base import Attack
from video_attack.agents.core.build import build

CASES = [
    (bound, name, key, value)
    for bound, grid in (("linf", EDGED), ("none", FREE))
    for name, keys in grid.items()
    for key, values in keys.items()
    for value in values
]


@pytest.mark.parametrize(("bound", "name", "key", "value"), CASES)
def test_every_value_of_every_list_can_be_tried(
    bound: str, name: str, key: str, value: Any
) -> None:
    config = shipped(name)
    assert key in config
    if "network" in config:
        config["network"] = "resnet18"
    build("attack", {**config, key: value}, rules(bound=BOUNDS[bound]))


def test_the_area_falls_with_the_margin() -> None:
    areas = []
    for share, levels in ((2.0, 0.001), (2.0, 16.0), (0.4, 16.0)):
        keys = {**shipped("signhunter"), "levels": levels}
        attack: Attack = build("attack", keys, rules(100, bound=BOUNDS["none"]))
        found = watch_margins(attack)
        attack.run(LinearVictim(share=share), grey_clip())
        areas += found
    idle, held, flipped = areas
    assert idle == 1.0 and flipped < held < 0.9
