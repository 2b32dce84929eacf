"""Protects RayS, HopSkipJump and SurFree: by labels alone they come near the smallest change of a victim
whose boundary is known, ever nearer, and every clip that they ask about is counted."""

from typing import Any

import numpy as np
import pytest

from tests.attack_toys import BOUNDS, LinearVictim, grey_clip, rules, shipped
from video_attack.agents.attacks.decision.surfree import Surfree
from video_attack.agents.attacks.gradient.estimate import block_noise
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores


class Labels(LinearVictim):
    """Keeps every clip; flips at an L2 of 2.0 at the least, or Linf 4."""

    answers = "label"

    def __init__(self) -> None:
        super().__init__(share=0.4)
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)


def run(name: str, budget: int = 400, bound: str = "none", **keys: Any) -> tuple[np.ndarray, ...]:
    """Sizes of the clips that flipped the label, L2 and Linf on [0, 1], and their numbers."""
    victim = Labels()
    own = rules(budget, bound=BOUNDS[bound], cleanup=budget)
    result = build("attack", {**shipped(name), **keys}, own).run(victim, grey_clip())
    assert victim.clips == result.ledger.spent == len(victim.seen) <= budget
    moved = (np.stack(victim.seen).astype(float) - victim.seen[0]) / 255
    flipped = np.flatnonzero(victim.total(np.stack(victim.seen)) < 0)
    smallest = np.sqrt(np.square(moved).sum((1, 2, 3, 4)))[flipped].min()
    assert result.ledger.best_norm == pytest.approx(smallest)
    return (
        np.sqrt(np.square(moved).sum((1, 2, 3, 4)))[flipped],
        np.abs(moved).max((1, 2, 3, 4))[flipped],
        flipped,
    )


@pytest.mark.parametrize(("name", "most"), [("hopskipjump", 5.0), ("surfree", 7.0)])
def test_they_come_near_the_smallest_l2(name: str, most: float) -> None:
    found, _, _ = run(name)
    assert found[0] > 30 and 1.9 < found.min() < most
    best = np.minimum.accumulate(found)
    assert best[len(best) // 4] > best[len(best) // 2] > best[-1]


def test_rays_comes_near_the_smallest_linf() -> None:
    _, found, _ = run("rays")
    assert found[0] > 0.2 and 4 / 255 <= found.min() < 16 / 255


def test_rays_ends_at_one_level() -> None:
    victim = Labels()
    victim.offset, victim.weights = 0.05, np.abs(victim.weights)
    own = rules(1000, bound=BOUNDS["none"], cleanup=1000)
    ledger = build("attack", shipped("rays"), own).run(victim, grey_clip()).ledger
    assert np.abs(ledger.best.astype(int) - victim.seen[0]).max() == 1


def test_blocks_serve_better_than_white_noise() -> None:
    blocks, white = run("hopskipjump")[0].min(), run("hopskipjump", block=[1, 1])[0].min()
    assert blocks < 0.5 * white


def test_noise_is_constant_over_its_blocks() -> None:
    noise = block_noise((5, 9, 10, 3), (2, 4), np.random.default_rng(0))
    assert noise.shape == (5, 9, 10, 3) and noise.dtype == np.float32
    assert (noise[:2, :4, :4] == noise[0, 0, 0]).all() and (noise[2] != noise[1]).all()
    assert len(np.unique(noise)) == 3 * 3 * 3 * 3


def test_a_turn_of_surfree_is_nearer_for_every_angle() -> None:
    """Its points have the length d cos(a): nothing that it asks after the start is further away."""
    victim = Labels()
    own = rules(120, bound=BOUNDS["none"], cleanup=120)
    build("attack", shipped("surfree"), own).run(victim, grey_clip())
    moved = (np.stack(victim.seen).astype(float) - victim.seen[0]) / 255
    sizes = np.sqrt(np.square(moved).sum((1, 2, 3, 4)))
    flips = victim.total(np.stack(victim.seen)) < 0
    first = int(np.argmax(flips))
    for number in range(first + 12, len(sizes)):  # after the bisection
        assert sizes[number] < sizes[:number][flips[:number]].min() * 1.01


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("rays", {"tolerance": 0.0}),
        ("hopskipjump", {"probes": 1}),
        ("hopskipjump", {"block": [0, 8]}),
        ("hopskipjump", {"min_levels": 0.0}),
        ("surfree", {"angle": 90.0}),
        ("surfree", {"adapt": 0.0}),
        ("surfree", {"low": 0.0}),
    ],
)
def test_a_constant_out_of_range_is_named(name: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(keys))):
        build("attack", {**shipped(name), **keys}, rules())


def test_directions_of_surfree_are_low_frequencies() -> None:
    attack = Surfree(rules(), **{k: v for k, v in shipped("surfree").items() if k != "_target_"})
    strength = attack.strength(grey_clip().frames)
    assert (
        strength[:, :4, :4].max() > 0 and not strength[:, 4:].any() and not strength[:, :, 4:].any()
    )
