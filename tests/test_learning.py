"""Protects what training learns from: each game gets its own answers, settings arrive where they
belong, the best policy and the newest checkpoints are kept, what was learned reaches the agents."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.arena_toys import plain, setup, yaml_of
from tests.toys import QuadrantClips, QuadrantVictim, brighten
from video_attack.agents.core import checkpoints
from video_attack.agents.policy.acting import Policy
from video_attack.agents.policy.networks import ACTS_AT_FIRST, make_actor
from video_attack.agents.policy.sensitivity import USED, Answer, SensitivityTables
from video_attack.agents.policy.worth import NAMES
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import ACTS, SPATIAL, Moves
from video_attack.envs.game.observation import PLANES, STATUS, THUMBNAIL_CELL
from video_attack.envs.game.palette import Palette

GAMES = 5


def games():
    """The six-class toys as a setup of training."""
    built = setup(plain(env={**yaml_of("env/default"), "budget": 6, "grid": 4}), QuadrantVictim())
    built._datasets["train"] = QuadrantClips()
    return built


def vector_env(salt=0, central=False):
    rllib_env = pytest.importorskip("video_attack.agents.training.rllib_env")
    return rllib_env.AttackVectorEnv(games(), GAMES, central, salt)


def flat(observations):
    return [np.ravel(observations[a][k]) for a in AGENTS for k in sorted(observations[a])]


def with_state(game, observations):
    return {a: {**observations[a], "state": game.state()} for a in AGENTS}


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(flat(one), flat(two), strict=True))


def test_no_game_is_handed_the_answer_of_another():
    """Side by side in the vector env, each game is as it is alone, and the critic sees its own state."""
    env, rng = vector_env(central=True), np.random.default_rng(0)
    alone = [games().env("train") for _ in range(GAMES)]
    observations, _ = env.reset(seed=3)
    for i, game in enumerate(alone):
        number = int(np.random.SeedSequence([3, 0, i]).generate_state(1)[0])
        assert same(observations[i], with_state(game, game.reset(number)[0]))
    assert len({game.episode.ledger.clip.id for game in alone}) > 1
    for _ in range(14):
        actions = [
            {a: rng.integers(0, alone[0].action_space(a).nvec) for a in AGENTS} for _ in alone
        ]
        ended = [not game.agents for game in alone]
        observations, rewards, over, _, _ = env.step(actions)
        for i, game in enumerate(alone):
            if ended[i]:
                assert same(observations[i], with_state(game, game.reset()[0]))
            else:
                expected, reward, *_ = game.step(actions[i])
                assert same(observations[i], with_state(game, expected))
                assert rewards[i] == reward
                assert over[i]["__all__"] == (not game.agents)
    assert env.take_report()[1] == env.victim.clips == sum(game.queries for game in alone)


def test_only_fresh_strokes_are_handed_to_the_tables_and_each_once():
    env, rng = vector_env(), np.random.default_rng(0)
    env.reset(seed=0)
    spaces = env.envs[0].action_spaces
    asked = []
    for _ in range(4):
        actions = [{a: rng.integers(0, spaces[a].nvec) for a in AGENTS} for _ in range(GAMES)]
        env.step(actions)
        asked += actions
    found = env.take_answers()
    assert 0 < len(found) <= len(asked) and env.take_answers() == []
    for answer in found:
        assert answer.norm > 0 and np.isfinite(answer.drop)
        assert any(
            all(np.array_equal(getattr(answer, a), action[a]) for a in AGENTS) for action in asked
        )


def test_the_salt_changes_the_games():
    first, again, other = (vector_env(salt).reset(seed=0)[0] for salt in (1, 1, 2))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not all(same(a, b) for a, b in zip(first, other, strict=True))


def test_settings_of_ppo_arrive_where_they_belong():
    ppo = pytest.importorskip("video_attack.agents.training.ppo")
    algo = yaml_of("algo/ippo") | {
        "gamma": 0.81,
        "gae_lambda": 0.37,
        "clip_range": 0.23,
        "epochs": 7,
    }
    config = plain(algo=algo, cluster=yaml_of("cluster/local"), queries=100)
    found = ppo.ppo_config(config, 8, seed_salt=5)
    assert (found.gamma, found.lambda_) == (0.81, 0.37)
    assert (found.clip_param, found.num_epochs) == (0.23, 7)
    assert found.env_config["seed_salt"] == 5


def moves():
    config = GameConfig(grid=3, windows=[1, 2], strides=[1], sizes=[0.5, 1.0])
    return Moves(config, Palette(brighten, BoundConfig(), config), 6)


def fresh_actor(agent, hidden=4):
    game = moves()
    parts = {"spatial": game.spatial_parts, "temporal": game.temporal_parts}
    return make_actor(agent, parts[agent], game.extents[agent], hidden)


class StubTrainer:
    """A Trainer without RLlib."""

    def __new__(cls, folder):
        trainer = pytest.importorskip("video_attack.agents.training.trainer").Trainer
        found = object.__new__(trainer)
        found.policy = Policy.fresh(moves(), 4)
        actors = {a: SimpleNamespace(actor=found.policy.actors[a]) for a in AGENTS}
        found.algo = SimpleNamespace(get_module=actors.get)
        found.setup = SimpleNamespace(threat_model=lambda: None)
        found.config = {"validation": {"clips": 3}, "seed": 0, "side_by_side": 1,
                        "cluster": {"sample_timeout_s": 60}}  # fmt: skip
        found.state = {"iteration": 0, "queries": 0, "validation_queries": 0}
        found.best, found.run_dir = -np.inf, folder
        return found


def test_validation_keeps_the_best_policy(tmp_path, monkeypatch):
    module = pytest.importorskip("video_attack.agents.training.trainer")
    trainer = StubTrainer(tmp_path)
    monkeypatch.setattr(module, "Marl", lambda *_: None)
    figures = {"attacked": 1, "asr": 0.0, "aq": 0.0, "l2": 0.0}
    monkeypatch.setattr(module, "summary", lambda _: figures)
    for iteration, reward in enumerate([1.0, 3.0, 2.0], start=1):
        trainer.state["iteration"] = iteration
        records = [{"queries": 2, "attacked": True, "reward": reward}]
        monkeypatch.setattr(module, "attack_clips", lambda *_, found=records, **__: found)
        trainer.validate()
    kept = Policy.load(tmp_path / "policy.pt").facts
    assert (kept["iteration"], kept["reward"], trainer.best) == (2, 3.0, 3.0)
    assert trainer.state["validation_queries"] == 6


def test_what_was_learned_reaches_learner_and_runner(tmp_path):
    trainer = StubTrainer(tmp_path)
    trainer.sensitivity = SensitivityTables(moves(), sharpness=2.0)
    tables = trainer.sensitivity
    spatial, temporal = np.array([4, 0, 0, 0, 0, 0, 0, 0]), np.array([1, 0])
    answers = [Answer(spatial, temporal, float(drop), 1.0, np.nan) for drop in (1, -2, 3)]
    others = [Answer(spatial * 0, temporal * 0, 0.1, 1.0, 0.05)] * 2
    others.append(Answer(spatial, temporal, 0.1, 1.0, 0.0))
    modules = [{a: SimpleNamespace(actor=fresh_actor(a)) for a in AGENTS} for _ in range(3)]
    learner = SimpleNamespace(module=modules[0])
    runners = [
        SimpleNamespace(take_answers=lambda f=f: f, module=module)
        for f, module in zip((answers, others), modules[1:], strict=True)
    ]
    trainer.algo.env_runner_group = SimpleNamespace(
        foreach_env_runner=lambda do, **_: [do(runner) for runner in runners]
    )
    trainer.algo.learner_group = SimpleNamespace(foreach_learner=lambda put: put(learner))
    trainer._learn_sensitivity()
    assert len(tables.answers) == 6
    for agent in AGENTS:
        assert tables.logits(agent).any(dim=1).all()
        assert all(torch.equal(m[agent].actor.table, tables.logits(agent)) for m in modules)


def planted_answers(game, count):
    """Strokes whose slope follows a known sensitivity of cells, frames and scales, with no sign.

    Those after the flip follow that of other cells, and mostly gain nothing.
    """
    rng, footprints = np.random.default_rng(0), game.footprints()
    cells, frames, scales = np.full(9, 0.1), np.full(6, 0.1), np.full(game.palette.scales, 0.3)
    cells[7], frames[4], scales[2] = 1.0, 1.0, 1.0
    after = np.full(9, 0.1)
    after[3] = 1.0
    for _ in range(count):
        chosen = {a: rng.integers(0, p) for a, p in zip(AGENTS, parts_of(game), strict=True)}
        patch = footprints["spatial"][chosen["spatial"][0]]
        met = np.sqrt(footprints["temporal"][chosen["temporal"][0]] @ frames**2)
        met *= scales[chosen["spatial"][SPATIAL.index("scale")]]
        norm, sign = rng.uniform(0.5, 4), rng.choice([-1, 1])
        slope = met * np.sqrt(patch @ cells**2)
        yield Answer(
            **chosen, drop=float(rng.exponential(slope) * sign * norm), norm=norm, gain=np.nan
        )
        gain = 0.1 * met * np.sqrt(patch @ after**2) * (rng.random() < 0.3)
        yield Answer(**chosen, drop=-1.0, norm=0.0, gain=float(gain))


def parts_of(game):
    return [{"spatial": game.spatial_parts, "temporal": game.temporal_parts}[a] for a in AGENTS]


@pytest.mark.parametrize(("phase", "cell"), [("before", 7), ("after", 3)])
def test_planted_sensitivities_are_found_again_and_kept_in_a_file(tmp_path, phase, cell):
    game = moves()
    tables = SensitivityTables(game, sharpness=2.0)
    tables.answers += planted_answers(game, 800)
    tables.fit()
    best = {"spatial.map": cell, "temporal.map": 4, "spatial.scale": 2}
    for name, entry in best.items():
        assert getattr(tables, phase).tables[name].argmax() == entry, name
    row = ("before", "after").index(phase)
    for agent, parts in zip(AGENTS, parts_of(game), strict=True):
        logits = tables.logits(agent)[row]
        assert len(logits) == sum(parts)
        cuts = dict(zip(NAMES[agent], logits.split(parts), strict=True))
        place = int(cuts.pop(NAMES[agent][0]).argmax())
        covered = game.footprints()[agent][place]
        assert covered[best[f"{agent}.map"]] > 0, "logits stand in the order of the places"
        for name, cut in cuts.items():
            if f"{agent}.{name}" in best:
                assert cut.argmax() == best[f"{agent}.{name}"], "and in that of the parts"
            if name not in USED[phase]:
                assert not cut.any(), name
    tables.save(tmp_path / "tables.pt")
    again = SensitivityTables(game, sharpness=2.0)
    again.load(tmp_path / "tables.pt")
    assert all(torch.equal(again.logits(a), tables.logits(a)) for a in AGENTS)
    assert len(again.answers) == 1600 and again.answers[4].drop == tables.answers[4].drop


def test_what_few_answers_say_is_not_sharpened():
    game = moves()
    few, many = (SensitivityTables(game, 2.0, enough) for enough in (1e9, 1e-9))
    for tables in (few, many):
        tables.answers += planted_answers(game, 100)
        tables.fit()
    assert few.logits("spatial").abs().max() < 1e-3 < many.logits("spatial").abs().max()


def test_the_newest_checkpoints_are_kept(tmp_path):
    algo = SimpleNamespace(get_state=lambda: {"learner_group": {"weight": np.ones(2)}})
    counters = dict.fromkeys(checkpoints.COUNTERS, 0)
    for iteration in (1, 2, 9, 10, 11):
        checkpoints.save(algo, tmp_path / "c", counters | {"iteration": iteration}, keep=2)
    assert [int(p.name[-6:]) for p in checkpoints.saved(tmp_path / "c")] == [10, 11]
    assert checkpoints.read_state(tmp_path / "c") == counters | {"iteration": 11}


def test_an_untrained_agent_mostly_paints_and_turns_what_did_not_pay():
    torch.manual_seed(0)
    game = moves()
    actor = fresh_actor("spatial", 8)
    planes, side = torch.zeros(1, len(PLANES), 3, 3), 3 * THUMBNAIL_CELL
    start = sum(game.spatial_parts[: SPATIAL.index("act")])
    shares = []
    for may_turn in (0.0, 1.0):
        status = torch.zeros(1, len(STATUS))
        status[0, STATUS.index("may_turn")] = may_turn
        obs = {"thumbnail": torch.zeros(1, 4, side, side, dtype=torch.uint8), "planes": planes}
        logits = actor({**obs, "status": status})[0, start : start + len(ACTS)]
        shares.append(logits.softmax(0).tolist())
    assert shares[0] == pytest.approx([ACTS_AT_FIRST[act] for act in ACTS], abs=0.05)
    assert shares[0][0] == max(shares[0]) and shares[1][1] == max(shares[1])
