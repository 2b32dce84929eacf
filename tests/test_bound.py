"""Protects the bound that all attacks of a comparison share: nothing passes beyond it, and every
clip inside it can be reached."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.bound import Bound, BoundConfig, shortened

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


def distance(clips: np.ndarray, clean: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(clips.astype(float) - clean).sum((1, 2, 3, 4))) / 255


@given(seed=st.integers(0, 999), radius=st.floats(1e-3, 8), spread=st.sampled_from([2, 20, 256]))
@settings(max_examples=100, deadline=None)
def test_an_l2_ball_holds_on_whole_levels(seed: int, radius: float, spread: int) -> None:
    clean, rng = frames(seed), np.random.default_rng(seed)
    bound = Bound.l2(clean, radius)
    moved = rng.integers(-spread + 1, spread, (3, *SHAPE))
    theirs = np.clip(clean + moved, 0, 255).astype(np.uint8)
    kept = theirs.copy()
    inside = bound.project(theirs)
    assert inside.dtype == np.uint8 and np.array_equal(theirs, kept), "the argument is not changed"
    assert (distance(inside, clean) <= radius).all()
    assert np.array_equal(bound.project(inside), inside)
    fits = distance(theirs, clean) <= radius
    assert np.array_equal(inside[fits], theirs[fits])
    # Each value on its way from the clean clip to what was asked for.
    wanted, found = theirs.astype(int) - clean, inside.astype(int) - clean
    assert (found * np.sign(wanted) >= 0).all() and (np.abs(found) <= np.abs(wanted)).all()


def test_a_faint_change_of_a_whole_clip_is_thinned_out_not_lost() -> None:
    clean = np.full((4, 16, 16, 3), 128, np.uint8)
    signs = np.random.default_rng(0).choice([-1, 1], clean.shape)
    radius = 0.25 * np.sqrt(clean.size) / 255  # a quarter of a level everywhere
    found = shortened(40 * signs, radius)
    assert np.linalg.norm(found) / 255 == pytest.approx(radius, rel=0.02)
    assert set(np.unique(found)) == {-1, 0, 1}
    assert (found[found != 0] == signs[found != 0]).all()


@given(seed=st.integers(0, 999), radius=st.floats(0.01, 8))
@settings(max_examples=50, deadline=None)
def test_points_of_an_l2_ball_stay_inside_and_keep_their_direction(
    seed: int, radius: float
) -> None:
    bound, rng = Bound.l2(frames(seed), radius), np.random.default_rng(seed)
    theta = rng.uniform(-1, 1, (2, *SHAPE))
    found = bound.inside(theta)
    lengths = np.sqrt(np.square(found).sum((1, 2, 3, 4)))
    assert (lengths <= radius * 1.0001).all()
    for there, point, length in zip(theta, found, lengths, strict=True):
        assert length >= min(radius, np.linalg.norm(there)) * 0.9999
        assert np.vdot(there, point) / np.linalg.norm(there) / length == pytest.approx(1, abs=1e-5)
    assert np.array_equal(bound.render(theta), bound.render(found))


@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_without_a_bound_every_clip_may_be_asked_about(seed: int) -> None:
    clean, theirs = frames(seed), frames(seed + 1)
    bound = Bound.free(clean)
    assert np.array_equal(bound.project(theirs[None])[0], theirs)
    theta = (theirs.astype(np.float64) - clean) / 255
    assert np.array_equal(bound.render(theta), theirs)
    assert bound.stroke(51) == pytest.approx(0.2) and Bound.linf(clean, 8).stroke(51) == 1


@pytest.mark.parametrize("kind", ["distortion", "linf", "l2", "none"])
def test_a_config_makes_the_bound_of_its_kind(kind: str) -> None:
    own = {"linf": {"eps": 3}, "l2": {"radius": 0.05}}.get(kind, {})
    clean, distorted, far = frames(0), frames(1), frames(2)
    bound = BoundConfig(kind, **own).around(clean, [distorted])
    found = bound.project(far[None])[0].astype(int)
    holds = {
        "distortion": ((found - clean) * (found - distorted.astype(int)) <= 0).all(),
        "linf": np.abs(found - clean).max() == 3,
        "l2": 0 < np.linalg.norm(found - clean) / 255 <= 0.05,
        "none": np.array_equal(found, far),
    }
    assert holds[kind]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "l3"}, "bound.kind='l3': choose one of distortion, linf, l2, none"),
        ({"kind": "linf"}, "bound.eps has no value: bound=linf needs one"),
        ({"kind": "l2", "eps": 10}, "bound.eps=10: only bound=linf takes it, this is bound=l2"),
        ({"kind": "l2"}, "bound.radius has no value"),
        ({"kind": "linf", "eps": 0}, "bound.eps=0: choose from 1 to 255"),
        ({"kind": "l2", "radius": float("nan")}, "bound.radius=nan: choose a finite number"),
        ({"kind": "none", "radius": 1.0}, "bound.radius=1.0: only bound=l2"),
    ],
)
def test_a_bound_that_cannot_be_is_refused_by_its_key(keys: dict, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        BoundConfig(**keys)
