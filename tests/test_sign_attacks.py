"""Protects SimBA-DCT and SignHunter: their bases are what they say, and on victims whose optimum is
known each finds the signs of the slope."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack_toys import BOUNDS, FRAMES, SIZE, LinearVictim, grey_clip, rules, shipped
from video_attack.agents.attacks.base import Attack
from video_attack.agents.attacks.search.halving import halvings
from video_attack.agents.attacks.search.simba_dct import cosine
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores


def make(name: str, budget: int, bound: str, **keys: Any) -> Attack:
    attack: Attack = build("attack", {**shipped(name), **keys}, rules(budget, bound=BOUNDS[bound]))
    return attack


class Watched(LinearVictim):
    """Keeps every clip that it is asked about."""

    def __init__(self, share: float = 3.0) -> None:
        super().__init__(share)
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)

    def change(self, number: int) -> np.ndarray:
        """A clip less the clean one, on the [0, 1] scale."""
        return (self.seen[number].astype(float) - self.seen[0]) / 255

    def lowest(self) -> int:
        """Number of the clip of the lowest sum."""
        return int(self.total(np.stack(self.seen)).argmin())


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.vdot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


def test_waves_are_orthonormal() -> None:
    shape = (3, 4, 5)
    waves = [cosine(shape, np.unravel_index(i, shape)).ravel() for i in range(60)]
    assert np.allclose(np.stack(waves) @ np.stack(waves).T, np.eye(60), atol=1e-5)


def test_simba_dct_finds_the_signs_of_a_slope_of_low_frequencies() -> None:
    victim, rng = Watched(6.0), np.random.default_rng(0)
    waves = [(*np.unravel_index(i, (2, 3, 3)), c) for i in range(18) for c in range(3)]
    victim.weights = np.zeros_like(victim.weights)
    for *frequency, channel in waves:
        wave = cosine((FRAMES, SIZE, SIZE), frequency)
        victim.weights[..., channel] += rng.choice([-1, 1]) * wave / 3000
    # 54 directions, each tried at most twice; a step of half a level is well seen.
    make("simba_dct", 1 + 2 * 54, "none", frames=2, side=3, step=1.0).run(victim, grey_clip())
    assert likeness(victim.change(victim.lowest()), -victim.weights) > 0.9


@pytest.mark.parametrize("step", [1.0, 4.0])
def test_a_step_of_simba_dct_has_its_length(step: float) -> None:
    victim = Watched()
    make("simba_dct", 12, "none", step=step).run(victim, grey_clip())
    assert np.linalg.norm(victim.change(1)) == pytest.approx(step, rel=0.1)


@given(st.tuples(*[st.integers(1, 6)] * 3))
@settings(max_examples=20, deadline=None)
def test_halvings_part_the_clip_down_to_single_values(sides: tuple[int, int, int]) -> None:
    shape, before = (*sides, 3), 0
    for parts in halvings(shape):
        count = np.zeros(shape, int)
        for part in parts:
            count[part] += 1
        assert (count == 1).all() and len(parts) > before
        before = len(parts)
    assert before == np.prod(shape)


@pytest.mark.parametrize(("bound", "keys"), [("linf", {}), ("none", {"levels": 10.0}), ("l2", {})])
def test_signhunter_finds_the_signs(bound: str, keys: Any) -> None:
    victim = Watched()
    make("signhunter", 500, bound, **keys).run(victim, grey_clip())
    # The victim's own 192 blocks take 1 + 3 + 6 + 12 + ... + 192 flips.
    assert likeness(np.sign(victim.change(victim.lowest())), -np.sign(victim.weights)) > 0.95


def test_signhunter_flips_what_is_distorted_in_a_distortion() -> None:
    victim = Watched()
    make("signhunter", 200, "distortion").run(victim, grey_clip())
    found = victim.change(victim.lowest())
    assert set(np.unique(np.rint(255 * found))) == {-16, 0}
    assert ((found < 0) == (victim.weights > 0)).mean() > 0.7


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("simba_dct", {"frames": 0}),
        ("simba_dct", {"step": 0.0}),
        ("simba_dct", {"edge_step": -1.0}),
        ("signhunter", {"levels": 0}),
    ],
)
def test_a_constant_out_of_range_is_named(name: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(keys))):
        make(name, 10, "none", **keys)
