"""Protects policies trained elsewhere: as an attack they play just as they would in the environment."""

import numpy as np
import pytest
from toys import FRAMES, TOY_GAME, BrightnessVictim, DarkClips, brighten, fresh_policy, toy_env

from video_attack.agents.attacks.base import ThreatModel
from video_attack.agents.attacks.play.marl import Marl
from video_attack.agents.attacks.play.outside import Outside
from video_attack.agents.core.errors import ConfigError, PolicyError
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.joint import JointEnv

RULES = ThreatModel(GameConfig(**TOY_GAME), brighten, 5, 3, FRAMES)


class Fixed:
    """The same action always, which keeps what it was shown."""

    def __init__(self, number: int = 0) -> None:
        self.number, self.seen = number, []

    def __call__(self, observations):
        self.seen.append(observations)
        return {"spatial": self.number, "temporal": self.number}


def by_chance(observations, rng):
    return {"spatial": int(rng.integers(60)), "temporal": int(rng.integers(60))}


def test_our_agents_from_outside_are_our_agents():
    policy = fresh_policy(RULES.game)
    clip = DarkClips()[0]
    ours = Marl(RULES, policy).run(BrightnessVictim(), clip, seed=3)
    theirs = Outside(RULES, lambda seen, rng: policy.act(seen, rng)).run(
        BrightnessVictim(), clip, 3
    )
    assert ours.ledger.spent == theirs.ledger.spent and ours.ledger.curves == theirs.ledger.curves
    assert ours.reward == theirs.reward


@pytest.mark.parametrize(
    "form",
    [
        {"flat_obs": True, "flat_actions": True},
        {"equal_spaces": True, "flat_actions": True},
        {"equal_spaces": True, "flat_actions": True, "mask": "observations"},
    ],
    ids=str,
)
def test_it_sees_what_the_environment_shows(form):
    act, env = Fixed(7), toy_env(**form)
    Outside(RULES, act, **form).run(BrightnessVictim(), DarkClips()[0])
    assert len(act.seen) == TOY_GAME["budget"] - 1
    for observations in act.seen:
        for agent in env.possible_agents:
            assert env.observation_space(agent).contains(observations[agent])
    assert not np.array_equal(*[flat(act.seen[k]["spatial"]) for k in (0, 1)])


def flat(seen):
    return seen["observation"] if isinstance(seen, dict) else seen


def test_one_policy_for_both():
    env, seen = JointEnv(toy_env(flat_obs=True)), []

    def act(observation, rng):
        seen.append(observation)
        return rng.integers(env.action_space.nvec)

    results = [
        Outside(RULES, act, flat_obs=True, joint=True).run(BrightnessVictim(), DarkClips()[0], seed)
        for seed in (1, 1, 2)
    ]
    assert all(env.observation_space.contains(one) for one in seen)
    curves = [result.ledger.curves for result in results]
    assert curves[0] == curves[1] and results[0].reward != results[2].reward


def test_it_may_be_named_by_target():
    attack = Outside(RULES, {"_target_": f"{__name__}.by_chance"}, flat_actions=True)
    attack.run(BrightnessVictim(), DarkClips()[0])
    attack = Outside(RULES, {"_target_": f"{__name__}.Fixed", "number": 5}, flat_actions=True)
    attack.run(BrightnessVictim(), DarkClips()[0])
    assert attack.policy_act.number == 5
    with pytest.raises(ConfigError, match="no such argument; allowed: number"):
        Outside(RULES, {"_target_": f"{__name__}.Fixed", "numbr": 5})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"act": None}, r"attack\.act\._target_="),
        ({"act": {"_target_": None}}, r"attack\.act\._target_="),
        ({"act": by_chance, "mask": "observations"}, "flat_actions=True"),
        ({"act": by_chance, "joint": True, "equal_spaces": True}, "leave out equal_spaces"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(keys, words):
    with pytest.raises(PolicyError, match=words):
        Outside(RULES, **keys)


def test_an_action_outside_its_space_is_an_error_of_the_policy():
    with pytest.raises(ValueError, match="spatial action"):
        Outside(RULES, Fixed(10**7), flat_actions=True).run(BrightnessVictim(), DarkClips()[0])
