"""Protects what RLlib is told: every setting of PPO under its name, of each ended game what its ledger says,
each query once, and games in one process that share its victim."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.arena_toys import plain, setup, yaml_of
from tests.test_learning import GAMES, StubTrainer, games
from tests.toys import QuadrantClips, QuadrantVictim
from video_attack.envs.game.episode import AGENTS

ppo = pytest.importorskip("video_attack.agents.training.ppo")
rllib_env = pytest.importorskip("video_attack.agents.training.rllib_env")
# Each another number, so that none can stand for another.
ALGO = {
    "central": True, "hidden": 6, "batch": 96, "minibatch": 24, "epochs": 7, "lr": 0.02, "gamma": 0.81,
    "gae_lambda": 0.37, "clip_range": 0.23, "ent_coef": 0.011, "vf_coef": 0.61, "grad_clip": 0.77,
    "sharpness": 3.0,
}  # fmt: skip


def test_every_setting_of_ppo_has_its_own_place() -> None:
    assert ALGO.keys() == yaml_of("algo/ippo").keys(), "add a new key to this test"
    cluster = yaml_of("cluster/local") | {"games_per_runner": 3, "runners": 2, "runner_cpus": 0.5}
    config = plain(algo=ALGO, cluster=cluster, queries=1000, seed=13, bound={"kind": "none"})
    found = ppo.ppo_config(config, 8, seed_salt=5, actor="server")
    assert (found.gamma, found.lambda_, found.clip_param) == (0.81, 0.37, 0.23)
    assert (found.entropy_coeff, found.vf_loss_coeff, found.grad_clip) == (0.011, 0.61, 0.77)
    assert found.lr == [[0, 0.02], [1000, 0.002]]
    assert (found.train_batch_size_per_learner, found.minibatch_size) == (96, 24)
    assert (found.num_epochs, found.seed, found.use_kl_loss) == (7, 13, False)
    assert (found.num_env_runners, found.num_envs_per_env_runner) == (2, 3)
    assert found.num_cpus_per_env_runner == 0.5
    context = found.env_config
    assert (context["seed_salt"], context["central"], context["victim_actor"]) == (
        5,
        True,
        "server",
    )
    assert {key: config[key] for key in context["setup"]} == context["setup"]
    assert {"dataset", "model", "defence", "distortion", "env", "bound"} == context["setup"].keys()
    game = config["env"]
    extents = {
        "spatial": len(game["sizes"]),
        "temporal": len(game["windows"]) * len(game["strides"]),
    }
    for agent in AGENTS:
        model = found.rl_module_spec.rl_module_specs[agent].model_config
        assert (model["central"], model["hidden"], model["frames"]) == (True, 6, 8)
        assert (model["grid"], model["extents"]) == (game["grid"], extents[agent])
        assert found.policy_mapping_fn(agent, None) == agent


def test_a_report_says_what_the_ledgers_say_and_each_query_once() -> None:
    strong = {**yaml_of("env/default"), "budget": 4, "grid": 4, "strengths": [0.1, 3.0]}
    built = setup(plain(env=strong), QuadrantVictim())
    built._datasets["train"] = QuadrantClips()
    env, rng = rllib_env.AttackVectorEnv(built, GAMES, False, 0), np.random.default_rng(1)
    env.reset(seed=0)
    spaces = env.envs[0].action_spaces
    returns, expected, told, asked = [0.0] * GAMES, [], [], 0
    for step in range(18):
        fresh = env._autoreset_envs.copy()
        actions = [{a: rng.integers(0, spaces[a].nvec) for a in AGENTS} for _ in range(GAMES)]
        _, rewards, over, cut_off, _ = env.step(actions)
        for i in range(GAMES):
            assert not any(cut_off[i].values()), "nothing is bootstrapped beyond the budget"
            if fresh[i]:
                assert set(rewards[i].values()) == {0.0} and not any(over[i].values())
            returns[i] = 0.0 if fresh[i] else returns[i] + rewards[i]["spatial"]
            assert rewards[i]["spatial"] == rewards[i]["temporal"], "one reward for both"
            if over[i]["__all__"]:
                ledger = env.envs[i].env.episode.ledger
                flipped = ledger.first_success is not None
                line = {"success": float(flipped), "queries_per_clip": ledger.spent,
                        "reward": pytest.approx(returns[i])}  # fmt: skip
                expected.append(line | ({"norm": ledger.best_norm} if flipped else {}))
        if step % 4 == 3 or step == 17:
            episodes, queries = env.take_report()
            told, asked = told + episodes, asked + queries
    assert told == expected and {line["success"] for line in told} == {0.0, 1.0}
    assert asked == env.victim.clips == sum(game.env.queries for game in env.envs)
    assert env.take_report() == ([], 0)


def test_runners_of_one_process_share_its_victim(monkeypatch) -> None:
    """Else the default command would build the victim, and hold it, twice."""
    built, other = games(), games()
    monkeypatch.setattr(rllib_env, "build_setup", lambda *_: other)
    with rllib_env.shared(built):
        assert runner().env.victim is built.victim
    assert runner().env.victim is other.victim, "a runner of another process, or of a later time"


def runner(**keys):
    """An env runner with its games, and nothing else of RLlib."""
    context = {"threads": 0, "setup": {}, "victim_actor": None, "central": False, "seed_salt": 0}
    config = SimpleNamespace(env_config=context | keys, num_envs_per_env_runner=2)
    found = SimpleNamespace(config=config)
    rllib_env.AttackEnvRunner.make_env(found)
    return found


def test_a_runner_plays_what_it_was_told_to() -> None:
    with rllib_env.shared(games()):
        first, again, other = (runner(seed_salt=salt, central=salt == 2) for salt in (1, 1, 2))
    assert first.num_envs == first.env.num_envs == 2 and first._needs_initial_reset
    clips = []
    for one in (first, again, other):
        seen, _ = one.env.reset(seed=0)
        assert ("state" in seen[0]["spatial"]) == (one is other)
        clips.append([game.env.episode.ledger.clip.id for game in one.env.envs])
        clips[-1] += [one.env.victim.clips]
    games_of = [
        [game.env.episode.versions[0].tobytes() for game in one.env.envs]
        for one in (first, again, other)
    ]
    assert games_of[0] == games_of[1] != games_of[2], "the salt of each is its own"


def test_training_stops_at_its_queries_and_shows_gaps(tmp_path, monkeypatch) -> None:
    trainer, drawn = StubTrainer(tmp_path), []
    module = pytest.importorskip("video_attack.agents.training.trainer")
    monkeypatch.setattr(module, "learning_curve_picture", lambda *given: drawn.extend(given[1:]))
    trainer.config["queries"], trainer.lines = 10, tmp_path / "progress.jsonl"
    trainer.trackers = [SimpleNamespace(close=lambda: drawn.append("closed"))]
    trainer.algo = SimpleNamespace(stop=lambda: drawn.append("stopped"))
    shown = [None, 0.5, 0.25]

    def iterate():
        done = trainer.state["queries"] // 4
        trainer.state["queries"] += 4
        line = {"iteration": done + 1, "success": shown[done], "queries_per_clip": 7}
        with trainer.lines.open("a") as lines:
            lines.write(json.dumps(line) + "\n")
        return {"asked": 4.0, "success": math.nan, "queries_per_clip": 7.0, "norm": math.nan}

    trainer.iterate = iterate
    assert trainer.run() == tmp_path / "policy.pt"
    assert trainer.state["queries"] == 12, "the first iteration at or beyond the limit is the last"
    closed, iterations, success, spent, stopped = drawn
    assert (closed, stopped) == ("closed", "stopped")
    assert iterations == [1, 2, 3] and spent == [7.0] * 3
    assert math.isnan(success[0]) and success[1:] == [0.5, 0.25]
