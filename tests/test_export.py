"""Protects exported agents: they play as the policy does, by PyTorch or ONNX Runtime alone."""

import ast
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from toys import TOY_GAME, fresh_policy, toy_env

from video_attack import make
from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import Policy
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import SPATIAL, TEMPORAL

EXAMPLES = Path(__file__).parents[1] / "examples"
SHIPPED = Path(__file__).parents[1] / "agents/policy/shipped"


def test_the_player_draws_what_the_policy_draws(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from play_exported import Player

    policy = fresh_policy(GameConfig(**TOY_GAME))
    play = Player(str(policy.export(tmp_path / "agents.ts")), seed=5)
    rng, env = np.random.default_rng(5), toy_env()
    observations, _ = env.reset(seed=0)
    while env.agents:
        actions, ours = play(observations), policy.act(observations, rng)
        assert all(np.array_equal(actions[agent], ours[agent]) for agent in AGENTS)
        observations, *_ = env.step(actions)


def test_the_player_needs_pytorch_and_numpy_alone():
    tree = ast.parse((EXAMPLES / "play_exported.py").read_text())
    top = {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    assert top == {"sys", "numpy", "torch"}
    assert not [node for node in tree.body if isinstance(node, ast.ImportFrom)]


def test_onnx_says_the_same(tmp_path):
    policy = Policy.load(str(SHIPPED))
    path = policy.export(str(tmp_path / "agents.onnx"))
    session = onnxruntime.InferenceSession(str(path))
    names = [f"spatial_{part}" for part in SPATIAL] + [f"temporal_{part}" for part in TEMPORAL]
    assert [output.name for output in session.get_outputs()] == names
    env = make()
    observations, _ = env.reset(seed=1)
    for batch in (1, 3):
        seen = {
            f"{agent}_{key}": np.stack([value] * batch)
            for agent in AGENTS
            for key, value in observations[agent].items()
        }
        said = session.run(None, seen)
        choices = [int(part[-1].argmax()) for part in said]
        greedy = policy.act(observations, greedy=True)
        assert choices == [*greedy["spatial"], *greedy["temporal"]]


def test_what_lies_beside_says_under_which_rules_to_play(tmp_path):
    policy = Policy.load(SHIPPED)
    policy.export(tmp_path / "agents.ts")
    about = json.loads((tmp_path / "agents.json").read_text())
    assert about["game"] == policy.game and about["frames"] == policy.frames
    assert about["distortion"] == policy.distortion
    assert about["parts"] == {"spatial": list(SPATIAL), "temporal": list(TEMPORAL)}


def test_a_place_that_is_none_is_named(tmp_path):
    with pytest.raises(PolicyError, match="no folder"):
        fresh_policy(GameConfig(**TOY_GAME)).export(tmp_path / "none/agents.ts")
