"""What the environment itself costs, apart from the victim.

    python benchmarks/env_overhead.py
    python benchmarks/env_overhead.py --i3d I3D_WEIGHTS --head HEAD

The first form measures steps and resets with a victim that answers at once. The second adds, for I3D
in float32 and bf16, alone and with several environments side by side (one batched call a step), the
share of a step's time that is not the victim's. Milliseconds of one process, 16 x 112 x 112 clips.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator

import numpy as np

from video_attack.envs.clip import Clip, Frames, Sampling
from video_attack.envs.datasets.base import ClipDataset
from video_attack.envs.distortions.gaussian_noise import gaussian_noise
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.ledger import run_batched
from video_attack.envs.victims.base import Scores, Victim
from video_attack.envs.victims.i3d import I3D


class FreeVictim(Victim):
    """Answers class 0 with certainty, at once, so that no episode ends before its budget."""

    classes = tuple(f"class_{i}" for i in range(101))
    sampling = Sampling(frames=16, size=112)

    def predict(self, clips: Frames) -> Scores:
        """Constant scores (N, 101)."""
        return np.tile(np.eye(1, len(self.classes), dtype=np.float32), (len(clips), 1))


class Timed(Victim):
    """A victim whose time is added up in `seconds`."""

    def __init__(self, victim: Victim) -> None:
        self.victim, self.seconds = victim, 0.0
        self.classes, self.sampling = victim.classes, victim.sampling

    def predict(self, clips: Frames) -> Scores:
        """The victim's own answer; `scores` below goes round this."""
        return self.victim.predict(clips)

    def scores(self, clips: Frames) -> Scores:
        """The victim's own scores, timed."""
        start = time.perf_counter()
        try:
            return self.victim.scores(clips)
        finally:
            self.seconds += time.perf_counter() - start


class Blobs(ClipDataset):
    """Smooth random clips held in memory, labelled as the victim sees them."""

    def __init__(self, victim: Victim, clips: int = 8) -> None:
        self.classes = victim.classes
        T, side = victim.sampling.frames, victim.sampling.size
        coarse = np.random.default_rng(0).integers(0, 256, (clips, T, 8, 8, 3), dtype=np.uint8)
        times = -(-side // 8)
        self.frames = coarse.repeat(times, 2).repeat(times, 3)[:, :, :side, :side].copy()
        # One clip a call, as the environment asks: rounding may differ between batch sizes.
        self.labels = [int(victim.scores(frames[None])[0].argmax()) for frames in self.frames]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Clip:
        return Clip(self.frames[index], self.labels[index], f"blob-{index}")


def sample(env: VideoAttackEnv) -> dict:
    """Random actions of both agents."""
    return {agent: env.action_space(agent).sample() for agent in env.possible_agents}


def milliseconds(call: Callable[[], object]) -> float:
    """Duration of one call."""
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def row(name: str, values: list[float]) -> str:
    """Mean, median and 99th percentile as a line of the table."""
    figures = np.mean(values), np.median(values), np.percentile(values, 99)
    return f"{name:<44}" + "".join(f"{value:>9.3f}" for value in figures)


def measure_free(steps: int, budget: int) -> Iterator[str]:
    """Steps and resets with the free victim."""
    victim = FreeVictim()
    for flat in (False, True):
        env = VideoAttackEnv(
            victim, Blobs(victim), gaussian_noise, config=GameConfig(budget=budget), flat_obs=flat
        )
        stepping: list[float] = []
        resetting = [milliseconds(lambda env=env: env.reset(seed=0))]
        while len(stepping) < steps:
            if not env.agents:
                resetting.append(milliseconds(env.reset))
            actions = sample(env)
            stepping.append(milliseconds(lambda env=env, actions=actions: env.step(actions)))
        amortised = [value + np.mean(resetting) / (budget - 1) for value in stepping]
        kind = "flat" if flat else "dict"
        yield row(f"step, {kind} observations", stepping)
        yield row(f"episode reset, {kind} observations", resetting)
        yield row(f"step with its share of the reset ({budget - 1} steps)", amortised)
    clip, rng = Blobs(victim)[0].frames, np.random.default_rng(0)
    noise = [milliseconds(lambda: gaussian_noise(clip, 5, rng)) for _ in range(20)]
    yield row("gaussian_noise alone (part of a reset)", noise)
    free = [milliseconds(lambda: victim.scores(clip[None])) for _ in range(200)]
    yield row("free victim alone (part of a step)", free)


def measure_share(victim: Victim, width: int, rounds: int, budget: int) -> str:
    """Time a step (resets included) of `width` environments, and the part that is not the victim's."""
    timed = Timed(victim)
    dataset = Blobs(victim)
    envs = [
        VideoAttackEnv(timed, dataset, gaussian_noise, config=GameConfig(budget=budget, cleanup=budget))
        for _ in range(width)
    ]  # fmt: skip
    dict(run_batched(timed, [env.reset_coroutine(i) for i, env in enumerate(envs)], width))
    timed.seconds, whole = 0.0, []
    for _ in range(rounds):
        actions = [sample(env) for env in envs]

        def play(actions: list[dict] = actions) -> None:
            coroutines = [
                env.step_coroutine(action) for env, action in zip(envs, actions, strict=True)
            ]
            dict(run_batched(timed, coroutines, width))

        whole.append(milliseconds(play))
        ended = [env for env in envs if not env.agents]
        if ended:
            whole[-1] += milliseconds(
                lambda ended=ended: dict(
                    run_batched(timed, [env.reset_coroutine() for env in ended], width)
                )
            )
    steps = rounds * width
    step, seconds = sum(whole) / steps, 1e3 * timed.seconds / steps
    return f"{step:>9.2f}{seconds:>9.2f}{step - seconds:>9.2f}{100 * (1 - seconds / step):>8.2f}%"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--i3d", help="I3D checkpoint; adds the second table")
    parser.add_argument("--head", help="linear head on its features")
    parser.add_argument("--steps", type=int, default=500, help="steps with the free victim")
    parser.add_argument("--rounds", type=int, default=24, help="vector steps with I3D")
    parser.add_argument("--width", type=int, default=8, help="environments side by side")
    parser.add_argument("--budget", type=int, default=100, help="queries an episode")
    options = parser.parse_args()
    print("load average at the start:", " ".join(f"{load:.2f}" for load in os.getloadavg()))
    print(f"{'free victim, ms':<44}{'mean':>9}{'median':>9}{'p99':>9}")
    for line in measure_free(options.steps, options.budget):
        print(line, flush=True)
    if options.i3d is None:
        return
    print(f"\n{'I3D, ms a clip':<44}{'step':>9}{'victim':>9}{'rest':>9}{'share':>9}")
    for precision in ("float32", "bf16"):
        victim = I3D(weights=options.i3d, head=options.head, precision=precision)
        for width in (1, options.width):
            victim.scores(np.zeros((width, 16, 112, 112, 3), np.uint8))  # warms up this batch size
            share = measure_share(victim, width, options.rounds, options.budget)
            print(f"{f'{precision}, {width} side by side':<44}{share}", flush=True)


if __name__ == "__main__":
    main()
