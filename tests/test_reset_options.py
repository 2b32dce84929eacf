"""Protects reset's options: one that is misspelt or no index is refused before anything is asked."""

from typing import Any

import numpy as np
import pytest

from tests.toys import BrightnessVictim, toy_env


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clipp": 3}, "options 'clipp': reset takes one option only, clip"),
        ({"clip": 3, "Clip": 1}, "options 'Clip'"),
        ({"clip_index": 3}, "options 'clip_index'"),
        ({"clips": 3}, "options 'clips'"),
        ({"clip": 2.5}, "options clip=2.5: choose from 0 to 19"),
        ({"clip": "3"}, "options clip='3'"),
        ({"clip": True}, "options clip=True"),
        ({"clip": 20}, "options clip=20: choose from 0 to 19"),
        ({"clip": -1}, "options clip=-1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    victim = BrightnessVictim()
    env = toy_env(victim)
    env.reset(seed=4)
    before, calls = env.episode, victim.calls
    with pytest.raises(ValueError, match=words):
        env.reset(seed=4, options=options)
    assert env.episode is before and victim.calls == calls


def test_other_options_are_warned_of_since_pettingzoo_gives_some(
    caplog: pytest.LogCaptureFixture,
) -> None:
    toy_env().reset(options={"no_shuffle": True, "clip": 3})
    assert "reset ignores the option 'no_shuffle': it takes clip only" in caplog.text


@pytest.mark.parametrize("options", [None, {}, {"clip": None}, {"clip": 3}, {"clip": np.int64(3)}])
def test_right_options_are_taken(options: dict[str, Any] | None) -> None:
    env = toy_env()
    env.reset(seed=4, options=options)
    assert env.agents and (
        not (options or {}).get("clip") or env.episode.ledger.clip.id == "dark-3"
    )
