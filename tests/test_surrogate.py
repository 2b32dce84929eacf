"""Protects the attacks with a network of their own: it is never the victim, its gradients are of use
where it resembles the victim, they are drawn by the seed, and the transfer attack asks once."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.attack_toys import BOUNDS, darken, shipped
from tests.toys import CountingVictim
from tests.whitebox_toys import LINEAR, Linear, held, linear_rules
from video_attack.agents.attacks.base import Attack
from video_attack.agents.attacks.gradient.surrogate import Surrogate, innermost, resampled
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Sampling
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.defended import Defended
from video_attack.envs.victims.network import NetVictim

IMAGES = {"network": "resnet18"}  # without weights: the oriented filters


def make(name: str, budget: int, bound: str = "none", **keys: Any) -> Attack:
    config = {**shipped(name), **IMAGES, "surrogate": LINEAR, **keys}
    attack: Attack = build("attack", config, linear_rules(budget, BOUNDS[bound]))
    return attack


def test_the_victim_itself_is_refused_behind_defences_too() -> None:
    victim = Linear(seed=3)
    for own in (victim, Defended(victim, lambda clip, rng: clip)):
        attack = make("gfcs", 10, surrogate={**LINEAR, "seed": 3})
        with pytest.raises(ConfigError, match="is the victim, or shares most of its weights"):
            attack.run(own, held(victim))
    assert innermost(Defended(victim, lambda clip, rng: clip)) is victim


class Backbone(NetVictim):
    """A body and a head that can be replaced."""

    last_layer = "2"
    outputs = 5

    def make_net(self, classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), Pool(), nn.Linear(8, classes))


class Pool(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3, 4))


def test_the_victims_body_under_another_head_is_refused() -> None:
    keys = {"_target_": "tests.test_surrogate.Backbone", "frames": 4, "size": 16, "short_side": 16}
    victim = Backbone(frames=4, size=16, short_side=16)
    victim.net[2] = nn.Linear(8, 3)
    with pytest.raises(ConfigError, match="shares most of its weights"):
        Surrogate(keys).refuse(victim)
    Surrogate({**keys, "seed": 1}).refuse(victim)
    Surrogate(None, **IMAGES).refuse(victim)
    Surrogate(keys).refuse(CountingVictim())  # no network here: nothing to compare


def test_a_model_without_gradients_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tests\.toys\.CountingVictim shows no gradients"):
        Surrogate({"_target_": "tests.toys.CountingVictim"})


def test_a_surrogate_that_resembles_the_victim_shows_the_way() -> None:
    victim = Linear()
    clip = held(victim)
    like = {**LINEAR, "seed": 1, "of": 0, "noise": 1.0}  # its weights and as much noise
    asked = {
        name: make(name, 200, surrogate=like).run(victim, clip).ledger.first_success
        for name in ("gfcs", "transfer")
    }
    assert asked["gfcs"] is not None and asked["gfcs"] <= 10 and asked["transfer"] == 2
    stranger = {**LINEAR, "seed": 1}
    other = make("gfcs", 200, surrogate=stranger).run(victim, clip).ledger
    assert other.first_success is None or other.first_success > asked["gfcs"]


def test_simba_ods_walks_in_what_changes_the_surrogates_outputs() -> None:
    surrogate = Surrogate({**LINEAR, "seed": 1})
    clip = held(Linear()).frames.astype(np.float32)
    found = surrogate.random_direction(clip, np.random.default_rng(0))
    again = surrogate.random_direction(clip, np.random.default_rng(0))
    other = surrogate.random_direction(clip, np.random.default_rng(1))
    assert np.array_equal(found, again) and not np.allclose(found, other)
    assert np.linalg.norm(found) == pytest.approx(1, rel=1e-4)
    rows = surrogate.net[1].weight.detach().double().numpy()  # (classes, C T H W)
    flat = np.moveaxis(found, 3, 0).reshape(-1)
    within = np.linalg.lstsq(rows.T, flat, rcond=None)[0] @ rows
    assert np.linalg.norm(within) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("surrogate", [None, LINEAR])
@pytest.mark.parametrize("bound", ["none", "linf", "distortion"])
def test_transfer_asks_once_within_its_reach(surrogate: Any, bound: str) -> None:
    victim = Linear()
    seen: list[np.ndarray] = []
    victim.predict, inner = lambda clips: (seen.extend(clips), inner(clips))[1], victim.predict  # type: ignore[method-assign]
    own = None if surrogate is None else {**LINEAR, "seed": 1}
    result = make("transfer", 50, bound, surrogate=own).run(victim, held(victim))
    assert result.ledger.spent == len(seen) == 2
    moved = seen[1].astype(int) - seen[0]
    assert np.abs(moved).max() == {"none": 16, "linf": 10, "distortion": 16}[bound]
    if bound == "distortion":
        assert moved.max() == 0 and (seen[1] >= darken(seen[0], 5, np.random.default_rng(0))).all()


def test_features_are_driven_away_from_those_of_the_clean_clip() -> None:
    surrogate = Surrogate(None, **IMAGES)
    rng = np.random.default_rng(0)
    clean = rng.integers(60, 200, (2, 32, 32, 3), dtype=np.uint8)
    there = clean + rng.normal(0, 5, clean.shape).astype(np.float32)

    def likeness(clip: np.ndarray) -> float:
        with torch.no_grad():
            one, other = (
                surrogate._outputs(surrogate._input(c.astype(np.float32))) for c in (clip, clean)
            )
        return float(torch.cosine_similarity(one, other, dim=1).mean())

    step = surrogate.descent(there, clean, Goal(0), ("a", "b"))
    assert likeness(there + 20 * step) < likeness(there) < likeness(there - 20 * step)


def test_clips_are_resampled_to_what_the_surrogate_takes() -> None:
    clip = torch.arange(4.0)[:, None, None, None].expand(4, 6, 6, 3)
    found = resampled(clip, Sampling(frames=8, size=12, short_side=12))
    assert found.shape == (8, 12, 12, 3) and (found[1:] >= found[:-1]).all()
    assert torch.equal(resampled(clip, Sampling(frames=4, size=6, short_side=6)), clip)
