"""The smaller game that the examples of other libraries learn, and how they are measured.

The full game takes tens of thousands of queries to learn. Here one cell, two sizes, strengths and lengths are
left, any clip is allowed, strokes are textures, ten queries must do, and a clip ends with its first success.
"""

import numpy as np
import torch

from video_attack.envs.distortions.texture import texture
from video_attack.envs.game.vector import ParallelVector
from video_attack.envs.video_attack_v1 import parallel_env

RULES = {
    "budget": 10, "cleanup": 0, "grid": 1, "sizes": [0.25, 1.0], "strengths": [0.04, 1.28],
    "windows": [2, 16], "strides": [1],
}  # fmt: skip
torch.set_num_threads(1)  # these networks are small: more threads would only wait for one another
GAMES, EACH = 8, 12  # clips are counted by game: the first to end would be the quick ones


def small_game(**form):
    """The game, one Discrete an agent and flat observations; `form` as in parallel_env."""
    chosen = {"flat_obs": True, "flat_actions": True, **form}
    return parallel_env(distort=texture, bound="none", config=RULES, **chosen)


def play(game, act):
    """Success and mean reward over 96 clips; `act` maps observations to actions, dicts of batches."""
    games = ParallelVector(game, GAMES, autoreset="same_step")
    seen, _ = games.reset(seed=1000)
    rewards, won, total = [[] for _ in range(GAMES)], [[] for _ in range(GAMES)], np.zeros(GAMES)
    while min(map(len, won)) < EACH:
        seen, reward, over, cut, infos = games.step(act(seen))
        total += reward["spatial"]
        for i in np.flatnonzero(over["spatial"] | cut["spatial"]):
            rewards[i].append(total[i])
            won[i].append(infos["spatial"]["final_info"]["success"][i])
            total[i] = 0
    return tuple(float(np.mean([one[:EACH] for one in found])) for found in (won, rewards))


def chance(game):
    """The same of uniformly random actions."""
    rng = np.random.default_rng(0)
    counts = {agent: int(game.action_space(agent).n) for agent in game.possible_agents}
    return play(game, lambda seen: {a: rng.integers(n, size=GAMES) for a, n in counts.items()})


def report(name, before, after, queries):
    """The line that tests/test_examples.py reads."""
    print(
        f"{name}: {queries} queries; success {before[0]:.2f} at random, {after[0]:.2f} learned; "
        f"mean reward {before[1]:.2f} at random, {after[1]:.2f} learned"
    )
