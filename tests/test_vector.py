"""Protects the vector forms: the same games as one by one, one victim call a step,
and autoreset as stated."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from toys import BrightnessVictim, sample, toy_env

from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.games import MODES
from video_attack.envs.game.joint import JointEnv
from video_attack.envs.game.vector import JointVector, ParallelVector, SharedVector

N = 4


def easy_env(**kwargs):
    """Every clip but the wrongly labelled is class 0, so that no reset needs a second look."""
    victim = BrightnessVictim()
    dataset = toy_env().dataset
    dataset.clips = 4
    return toy_env(victim, dataset, **kwargs)


def moves_of(env):
    return [sample(env) for _ in range(N)]


def batched(moves):
    return {agent: np.stack([move[agent] for move in moves]) for agent in AGENTS}


@pytest.mark.parametrize("form", [{}, {"flat_obs": True, "flat_actions": True}], ids=str)
def test_a_game_in_a_vector_is_the_game_alone(form):
    env = easy_env(budget=7, **form)
    vector, alone = ParallelVector(env, N), env.siblings(N)
    seen, infos = vector.reset(seed=10)
    ones = [game.reset(seed=10 + i) for i, game in enumerate(alone)]
    for _ in range(6):
        for i, one in enumerate(ones):
            for agent in AGENTS:
                for part, mine in parts(one[0][agent], seen[agent]):
                    assert np.array_equal(part, mine[i])
                assert infos[agent]["norm"][i] == one[-1][agent]["norm"]
        for agent in AGENTS:
            assert vector.observation_space(agent).contains(seen[agent])
        assert np.array_equal(vector.state(), [game.state() for game in alone])
        moves = moves_of(env)
        seen, rewards, ended, cut, infos = vector.step(batched(moves))
        ones = [game.step(move) for game, move in zip(alone, moves, strict=True)]
        assert np.allclose(rewards["spatial"], [one[1]["spatial"] for one in ones])
        assert ended["temporal"].tolist() == [one[2]["temporal"] for one in ones]
        assert not cut["spatial"].any()
    assert ended["spatial"].all()


def parts(one, many):
    return [(one[key], many[key]) for key in one] if isinstance(one, dict) else [(one, many)]


@pytest.mark.parametrize("mode", MODES)
def test_one_victim_call_a_step(mode):
    env = easy_env(budget=5)
    vector = ParallelVector(env, N, mode)
    vector.reset(seed=0)
    calls = [env.victim.calls]
    for step in range(1, 11):
        if mode == "disabled" and step == 5:
            vector.reset(options={"reset_mask": np.ones(N, bool)})
            calls[-1] = env.victim.calls
        if mode == "disabled" and step == 9:
            with pytest.raises(RuntimeError, match="reset_mask"):
                vector.step(batched(moves_of(env)))
            break
        vector.step(batched(moves_of(env)))
        calls.append(env.victim.calls)
    # The budget of 5 leaves 4 steps; then the games that ended share one call more.
    more = {"next_step": [], "same_step": [3, 7], "disabled": [3]}[mode]
    assert np.diff(calls).tolist() == [1 + (k in more) for k in range(len(calls) - 1)]
    assert env.victim.clips == sum(game.queries for game in vector.batch.games)


def test_next_step_resets_by_a_step_of_its_own():
    env = easy_env(budget=4)
    vector = ParallelVector(env, N)
    vector.reset(seed=0)
    for _ in range(3):
        _, _, ended, _, last = vector.step(batched(moves_of(env)))
    assert ended["spatial"].all() and last["spatial"]["queries"].tolist() == [4] * N
    nonsense = {agent: vector.action_space(agent).sample() * 0 for agent in AGENTS}
    _, rewards, ended, _, infos = vector.step(nonsense)
    assert not ended["spatial"].any() and not rewards["spatial"].any()
    assert infos["spatial"]["queries"].tolist() == [1] * N


def test_same_step_keeps_what_the_end_looked_like():
    env = easy_env(budget=4, flat_obs=True)
    vector, alone = ParallelVector(env, N, "same_step"), env.siblings(N)
    vector.reset(seed=0)
    for i, game in enumerate(alone):
        game.reset(seed=i)
    for _ in range(3):
        moves = moves_of(env)
        seen, _, ended, _, infos = vector.step(batched(moves))
        ones = [game.step(move) for game, move in zip(alone, moves, strict=True)]
    assert ended["spatial"].all()
    for i, one in enumerate(ones):
        assert np.array_equal(infos["temporal"]["final_obs"][i], one[0]["temporal"])
        assert infos["temporal"]["final_info"]["norm"][i] == one[4]["temporal"]["norm"]
        assert not np.array_equal(seen["temporal"][i], one[0]["temporal"])
    assert infos["temporal"]["_final_obs"].all()


def test_a_wrong_action_in_one_game_moves_none():
    env = easy_env(flat_actions=True)
    vector = ParallelVector(env, N)
    vector.reset(seed=0)
    actions = batched(moves_of(env))
    actions["temporal"][2] = 10**6
    with pytest.raises(ValueError, match="temporal action"):
        vector.step(actions)
    assert all(game.queries == 1 and game.episode.move is None for game in vector.batch.games)


@pytest.mark.parametrize("autoreset", MODES)
def test_joint_and_shared_rows_are_the_same_games(autoreset):
    flat = easy_env(budget=5, flat_obs=True)
    equal = easy_env(budget=5, equal_spaces=True)
    joint, shared = JointVector(flat, N, autoreset), SharedVector(equal, N, autoreset)
    assert isinstance(joint, gymnasium.vector.VectorEnv) and shared.num_envs == 2 * N
    (one, _), (two, _) = joint.reset(seed=5), shared.reset(seed=5)
    for _ in range(4):
        assert joint.observation_space.contains(one) and shared.observation_space.contains(two)
        sizes = [flat.observation_space(agent).shape[0] for agent in AGENTS]
        for k, part in enumerate(np.split(one, [sizes[0]], axis=1)):
            assert np.array_equal(part, two[k::2, : sizes[k]])
        moves = moves_of(flat)
        both = [np.concatenate([move[agent] for agent in AGENTS]) for move in moves]
        rows = np.zeros(shared.action_space.shape, np.int64)
        for k, agent in enumerate(AGENTS):
            width = len(moves[0][agent])
            rows[k::2, :width] = [move[agent] for move in moves]
        one, reward, ended, cut, infos = joint.step(np.stack(both))
        two, rewards, *flags, facts = shared.step(rows)
        assert np.array_equal(rewards, np.repeat(reward, 2)) and reward.dtype == np.float32
        assert np.array_equal(flags, [np.repeat(ended, 2), np.repeat(cut, 2)])
        if autoreset == "same_step" and ended.any():
            assert facts["final_obs"][1].shape == two[1].shape and infos["_final_info"].all()
            break
    assert ended.all()


def test_what_does_not_fit_is_named():
    for make, words in (
        (lambda: ParallelVector(toy_env(), 0), "at least 1"),
        (lambda: ParallelVector(toy_env(), 2, "later"), "next_step, same_step, disabled"),
        (lambda: SharedVector(toy_env(), 2), "equal_spaces=True"),
        (lambda: JointVector(toy_env(equal_spaces=True), 2), "leave out equal_spaces"),
        (lambda: ParallelVector(toy_env(), 2).reset(seed=[1]), "2 of them"),
        (lambda: ParallelVector(toy_env(), 2).reset(options={"reset_mask": [1]}), "2 booleans"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize("form", [{}, {"flat_obs": True}, {"flat_actions": True}], ids=str)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gymnasium_checks_the_joint_form(form):
    check_env(JointEnv(toy_env(**form)), skip_render_check=True)


def test_the_joint_form_makes_both_moves():
    env, game = JointEnv(toy_env()), toy_env()
    env.reset(seed=1)
    game.reset(seed=1)
    move = sample(game)
    action = np.concatenate([move[agent] for agent in AGENTS])
    seen, reward, *_, info = env.step(action)
    observations, rewards, *_, infos = game.step(move)
    assert reward == rewards["spatial"] and info == infos["spatial"]
    assert np.array_equal(seen["temporal_rows"], observations["temporal"]["rows"])
