"""Protects the bound that all attacks of a comparison share: nothing passes beyond it, and every
clip inside it can be reached."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.bound import Bound

SHAPE = (2, 3, 4, 3)


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


@given(seed=st.integers(0, 999), eps=st.integers(1, 255))
@settings(max_examples=50, deadline=None)
def test_linf_keeps_every_value_within_eps(seed: int, eps: int) -> None:
    clean, theirs = frames(seed), frames(seed + 1)[None]
    bound = Bound.linf(clean, eps)
    inside = bound.project(theirs)
    assert np.abs(inside.astype(int) - clean).max() <= eps
    assert np.array_equal(bound.project(inside), inside)
    fine = np.abs(theirs.astype(int) - clean) <= eps
    assert np.array_equal(inside[fine], theirs[fine])
    theta = np.random.default_rng(seed).uniform(-3, 3, (5, *SHAPE))
    shown = bound.render(theta)
    assert shown.dtype == np.uint8 and np.array_equal(bound.project(shown), shown)
    assert np.array_equal(bound.render(np.zeros(1)), clean)
    assert np.array_equal(bound.render(np.full(1, -1.0)), np.maximum(clean.astype(int) - eps, 0))


@given(seed=st.integers(0, 999), versions=st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_a_distortion_bounds_by_its_versions(seed: int, versions: int) -> None:
    clean, distorted = frames(seed), [frames(seed + 1 + i) for i in range(versions)]
    bound = Bound.between(clean, distorted)
    assert np.array_equal(bound.render(np.ones(1)), distorted[0])
    assert np.array_equal(bound.render(np.full(1, -1.0)), clean)
    half = bound.render(np.full(1, 0.5)).astype(int)
    assert np.abs(2 * half - clean - distorted[0].astype(int)).max() <= 1
    for version in distorted:
        assert np.array_equal(bound.project(version[None])[0], version)
    outside = bound.project(frames(seed + 9)[None])[0]
    assert np.all(outside >= np.minimum.reduce([clean, *distorted]))
    assert np.all(outside <= np.maximum.reduce([clean, *distorted]))


@pytest.mark.parametrize("shape", [(1,), (2, 1, 1, 1), (2, 3, 4, 1), SHAPE])
def test_theta_broadcasts(shape: tuple[int, ...]) -> None:
    bound = Bound.linf(frames(0), 8)
    assert bound.render(np.zeros(shape)).shape == SHAPE
    assert bound.render(np.zeros((6, *SHAPE))).shape == (6, *SHAPE)
