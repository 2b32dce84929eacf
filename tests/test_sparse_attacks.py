"""Protects Sparse-RS: few pixels or one patch and nothing else, in the colours that the bound allows,
moved to where they lower the margin."""

from typing import Any

import numpy as np
import pytest

from tests.attack_toys import BOUNDS, LinearVictim, grey_clip, rules, shipped
from video_attack.agents.attacks.base import Attack
from video_attack.agents.attacks.search.sparse_rs import share
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores


def make(name: str, budget: int, bound: str = "none", **keys: Any) -> Attack:
    attack: Attack = build("attack", {**shipped(name), **keys}, rules(budget, bound=BOUNDS[bound]))
    return attack


class Corner(LinearVictim):
    """Wants all bright, the upper left quarter of the last four frames above all."""

    def __init__(self) -> None:
        super().__init__(share=9.0)
        self.weights = np.full_like(self.weights, -1e-6)
        for half in np.s_[4:], np.s_[:, :16], np.s_[:, :, :16]:
            self.weights[half] -= 1e-6
        self.weights[4:, :16, :16] = -1 / (4 * 16 * 16 * 3 * 10)
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)


def changes(victim: Corner) -> np.ndarray:
    """Whether each pixel of each clip after the clean one is changed, (N, T, H, W)."""
    return (np.stack(victim.seen[1:]) != victim.seen[0]).any(-1)


@pytest.mark.parametrize("bound", ["none", "linf"])
def test_a_fixed_number_of_pixels_at_the_ends_of_their_bound_gathers_where_it_counts(
    bound: str,
) -> None:
    victim = Corner()
    make("sparse_rs", 400, bound, pixels=100).run(victim, grey_clip())
    changed = changes(victim)
    assert (changed.sum((1, 2, 3)) == 100).all()
    moved = np.stack(victim.seen[1:]).astype(int)[changed]
    if bound == "none":
        assert set(np.unique(moved)) == {0, 255}
    else:
        clean = np.broadcast_to(victim.seen[0].astype(int), (*changed.shape, 3))[changed]
        assert set(np.unique(moved - clean)) == {-10, 10}
    totals = victim.total(np.stack(victim.seen[1:]))
    best = changed[totals.argmin()]
    assert best[4:, :16, :16].sum() > 25 > 1.5 * changed[0][4:, :16, :16].sum()


def test_a_patch_is_one_box_and_moves_to_where_it_counts() -> None:
    victim = Corner()
    make("sparse_patch", 300, area=0.0625, frames=4).run(victim, grey_clip())
    changed = changes(victim)
    for clip in changed:
        assert [len(set(axis)) for axis in np.nonzero(clip)] == [4, 8, 8] and clip.sum() == 256
    totals = victim.total(np.stack(victim.seen[1:]))
    best = totals.argmin()
    assert changed[best][4:, :16, :16].sum() > 128
    assert totals[best] < totals[0] - 0.2


def test_the_published_schedule() -> None:
    assert [share(0.3, n / 10_000) for n in (0, 49, 50, 200, 9999)] == pytest.approx(
        [0.3, 0.3, 0.15, 0.075, 0.015]
    )


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("sparse_rs", {"pixels": 0}),
        ("sparse_rs", {"alpha": 0.0}),
        ("sparse_patch", {"area": 2.0}),
        ("sparse_patch", {"move_every": 1}),
        ("sparse_patch", {"frames": 0}),
    ],
)
def test_a_constant_out_of_range_is_named(name: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(keys))):
        make(name, 10, **keys)
