"""Protects what the environment refuses, and that it says why: actions, distortions, victims."""

import numpy as np
import pytest
from conformance import AGENTS
from toys import (
    CountingVictim,
    DarkClips,
    sample,
    toy_env,
)

from video_attack.envs.victims.base import VictimError


def test_steps_outside_an_episode_raise():
    env = toy_env(budget=2)
    actions = sample(env)
    for ask in (lambda: env.step(actions), env.state):
        with pytest.raises(RuntimeError, match=r"call reset\(\)"):
            ask()
    env.reset(seed=0)
    env.step(actions)
    assert env.agents == []
    queries = env.queries
    with pytest.raises(RuntimeError, match=r"call reset\(\)"):
        env.step(actions)
    assert env.queries == queries
    env.reset()
    assert env.agents == AGENTS


def test_a_bad_action_costs_nothing_and_changes_nothing():
    env = toy_env()
    env.reset(seed=0)
    env.step(sample(env))
    before = env.episode.canvas.frames.copy(), env.queries
    good = sample(env)
    for bad in ({**good, "spatial": np.full(9, 99)}, {**good, "temporal": np.full(4, -1)}):
        with pytest.raises(ValueError, match="action"):
            env.step(bad)
    with pytest.raises((KeyError, ValueError), match="temporal"):
        env.step({"spatial": good["spatial"]})
    assert np.array_equal(env.episode.canvas.frames, before[0]) and env.queries == before[1]
    env.step(good)


@pytest.mark.parametrize(
    ("distort", "word"),
    [
        (lambda clip, severity, rng: clip / 255, "uint8"),
        (lambda clip, severity, rng: clip[:4], "turned"),
        (lambda clip, severity, rng: clip[..., :1], "shape"),
        (lambda clip, severity, rng: None, "NoneType"),
    ],
    ids=["float", "shorter", "grey", "nothing"],
)
def test_a_bad_distortion_is_named(distort, word):
    with pytest.raises(ValueError, match=f"distortion.*{word}"):
        toy_env(distort=distort).reset(seed=0)


def test_a_distortion_that_writes_into_its_clip_cannot_change_the_original():
    def careless(clip, severity, rng):
        clip[:] = 255
        return clip

    dataset = DarkClips()
    env = toy_env(dataset=dataset, distort=careless)
    try:
        env.reset(options={"clip": 0})
    except ValueError:
        return  # a read-only clip is as good an answer
    assert np.array_equal(env.episode.ledger.clip.frames, dataset[0].frames)
    assert (env.episode.versions[0] == 255).all()


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda n: np.full((n, 3), np.nan), "NaN"),
        (lambda n: np.full((n, 4), 0.25), "number of classes"),
        (lambda n: np.full((n + 1, 3), 1 / 3), "shape"),
    ],
)
def test_a_bad_victim_is_named(answer, word):
    class Bad(CountingVictim):
        def answer(self, clips):
            return answer(len(clips))

    with pytest.raises(VictimError, match=f"Bad answered.*{word}"):
        toy_env(Bad()).reset(seed=0)
