"""What the vector form saves: victim calls and time a step, against as many environments one by one.

    python benchmarks/vector_form.py
    python benchmarks/vector_form.py --width 32 --model i3d model.weights=i3d.pt

A step of one game, resets included, in milliseconds of processor time and of the clock. Random moves.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import torch

from video_attack import make
from video_attack.envs.clip import Frames
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.vector import ParallelVector
from video_attack.envs.victims.base import Scores


def count_calls(env: VideoAttackEnv) -> list[int]:
    """The sizes of the victim's calls from now on, in a list that grows."""
    sizes: list[int] = []
    scores = env.victim.scores

    def counted(clips: Frames) -> Scores:
        sizes.append(len(clips))
        return scores(clips)

    env.victim.scores = counted  # type: ignore[method-assign] # a meter on this one object
    return sizes


def one_by_one(env: VideoAttackEnv, width: int) -> Callable[[], None]:
    """A step of `width` environments, each with a victim call of its own."""
    games = env.siblings(width)
    for i, game in enumerate(games):
        game.reset(seed=i)

    def step() -> None:
        for game in games:
            if game.agents:
                game.step({agent: game.action_space(agent).sample() for agent in game.agents})
            else:
                game.reset()

    return step


def side_by_side(env: VideoAttackEnv, width: int) -> Callable[[], None]:
    """A step of the vector form."""
    vector = ParallelVector(env, width)
    vector.reset(seed=0)

    def step() -> None:
        vector.step({agent: vector.action_space(agent).sample() for agent in vector.agents})

    return step


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny3d", help="the victim, by name")
    parser.add_argument("--width", type=int, default=8, help="games")
    parser.add_argument("--steps", type=int, default=100, help="steps of all games")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("overrides", nargs="*", help="further words of a command line")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("load average at the start:", " ".join(f"{load:.2f}" for load in os.getloadavg()))
    print(
        f"{options.model}, {options.width} games{'calls a step':>24}{'cpu ms':>10}{'clock ms':>10}"
    )
    for name, play in (("one by one", one_by_one), ("side by side", side_by_side)):
        env = make(options.model, overrides=options.overrides)
        step = play(env, options.width)
        calls = count_calls(env)
        step()
        calls.clear()
        cpu, clock = time.process_time(), time.perf_counter()
        for _ in range(options.steps):
            step()
        spent = np.array([time.process_time() - cpu, time.perf_counter() - clock])
        each = 1e3 * spent / (options.steps * options.width)
        print(
            f"  {name:<16}{len(calls) / options.steps:>24.2f}{each[0]:>10.2f}{each[1]:>10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
