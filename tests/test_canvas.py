"""Whatever is painted, weakened, scaled or taken back: the clip is uint8, inside the bound, the norm
and the energy are those of the clip as it is, and undoing gives the clean bits back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.bound import KINDS, BoundConfig
from video_attack.envs.game.canvas import Canvas, Region
from video_attack.envs.game.config import NORMS
from video_attack.envs.game.mask import cell_edges, perturbation_norm

PROPERTY = settings(deadline=None, max_examples=40)


@st.composite
def games(draw):
    """A canvas of any size, grid, bound and norm, and random numbers for its moves."""
    grid = draw(st.integers(1, 4))
    T, H, W = draw(st.integers(1, 5)), draw(st.integers(grid, 17)), draw(st.integers(grid, 17))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    clean, *distorted = rng.integers(0, 256, (3, T, H, W, 3), dtype=np.uint8)
    kind = draw(st.sampled_from(KINDS))
    config = BoundConfig(
        kind,
        eps=draw(st.integers(1, 40)) if kind == "linf" else None,
        radius=draw(st.sampled_from([0.01, 0.3, 2.0, 50.0])) if kind == "l2" else None,
    )
    return Canvas(config.around(clean, distorted), grid, draw(st.sampled_from(NORMS))), rng


def some_region(canvas, rng):
    ends = [sorted(rng.choice(n + 1, 2, replace=False)) for n in canvas.clean.shape[:3]]
    frames, rows, cols = (slice(int(a), int(b)) for a, b in ends)
    return Region(slice(frames.start, frames.stop, int(rng.integers(1, 4))), rows, cols)


def move(canvas, rng):
    region, what = some_region(canvas, rng), rng.choice(["paint", "weaken", "undo", "scale"])
    if what == "paint":
        size = 10 ** rng.uniform(-1, 2.5)
        canvas.paint(region, np.float32(rng.normal(0, size, (*region.shape, 3))))
    elif what == "scale":
        canvas.scale(float(rng.uniform(0.2, 2)))
    else:
        canvas.weaken(region, 0.0 if what == "undo" else float(rng.random()))


def check(canvas):
    clean, frames = canvas.clean, canvas.frames
    assert frames.dtype == np.uint8 and frames.shape == clean.shape
    assert np.array_equal(canvas.bound.project(frames[None])[0], frames), "outside the bound"
    change = (frames.astype(np.float64) - clean) / 255
    if canvas.bound.radius is not None:
        assert np.sqrt(np.square(change).sum()) <= canvas.bound.radius * (1 + 1e-12)
    actual = perturbation_norm(clean, frames, canvas.norm_name)
    assert canvas.norm() == pytest.approx(actual, rel=1e-4, abs=1e-9)
    rows, cols = (cell_edges(n, canvas.grid) for n in clean.shape[1:3])
    for r, c in np.ndindex(canvas.grid, canvas.grid):
        cell = change[:, rows[r] : rows[r + 1], cols[c] : cols[c + 1]]
        expected = np.square(cell).sum((1, 2, 3))
        assert canvas.energy[:, r, c] == pytest.approx(expected, rel=1e-4, abs=1e-9)
    assert canvas.energy.sum() == pytest.approx(np.square(change).sum(), rel=1e-4, abs=1e-9)


@PROPERTY
@given(games(), st.integers(1, 10))
def test_any_moves_leave_a_clip_inside_the_bound_and_true_measures(game, moves):
    canvas, rng = game
    for _ in range(moves):
        move(canvas, rng)
        check(canvas)


@PROPERTY
@given(games())
def test_weakening_to_nothing_gives_the_clean_bits_back(game):
    canvas, rng = game
    clean = canvas.clean.copy()
    for _ in range(5):
        move(canvas, rng)
    region = some_region(canvas, rng)
    canvas.weaken(region, 0.0)
    assert np.array_equal(canvas.frames[region], clean[region]) and not canvas.delta[region].any()
    canvas.weaken(canvas.whole(slice(0, len(clean))), 0.0)
    assert np.array_equal(canvas.frames, clean) and np.array_equal(canvas.clean, clean)
    assert canvas.norm() == 0 and not canvas.energy.any() and canvas.roughness() == 0


@PROPERTY
@given(games())
def test_a_snapshot_gives_everything_back_whatever_came_after(game):
    canvas, rng = game
    for _ in range(3):
        move(canvas, rng)
    before = canvas.snapshot()
    kept, norm, delta = canvas.frames.copy(), canvas.norm(), canvas.delta.copy()
    for _ in range(3):
        move(canvas, rng)
    canvas.restore(before)
    assert np.array_equal(canvas.frames, kept) and np.array_equal(canvas.delta, delta)
    assert canvas.norm() == norm
    check(canvas)


def test_faint_strokes_add_up():
    clean = np.full((2, 8, 8, 3), 100, np.uint8)
    canvas = Canvas(BoundConfig("none").around(clean, [clean]), 2)
    whole = canvas.whole(slice(0, 2))
    for _ in range(4):
        canvas.paint(whole, np.full((2, 8, 8, 3), 0.2, np.float32))
    assert (canvas.frames == 101).all()


def test_roughness_is_the_mean_change_between_neighbouring_frames():
    clean = np.full((3, 4, 4, 3), 100, np.uint8)
    canvas = Canvas(BoundConfig("none").around(clean, [clean]), 2)
    canvas.paint(canvas.whole(slice(1, 2)), np.full((1, 4, 4, 3), 6.0, np.float32))
    assert canvas.roughness() == pytest.approx(6.0)  # up by 6, down by 6
    canvas.paint(canvas.whole(slice(2, 3)), np.full((1, 4, 4, 3), 6.0, np.float32))
    assert canvas.roughness() == pytest.approx(3.0)
