"""The clip is always round(original + mask * (distorted - original)), whatever moves led there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.config import NORMS
from video_attack.envs.game.mask import Box, MaskedClip, blend, cell_edges, perturbation_norm

PROPERTY = settings(deadline=None, max_examples=40)


@st.composite
def games(draw):
    """A masked clip of any size and grid, and some moves (box, level, draw, chosen cells) on it."""
    grid = draw(st.integers(1, 7))
    T, H, W = draw(st.integers(1, 5)), draw(st.integers(grid, 29)), draw(st.integers(grid, 29))
    levels, draws = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    original, *distorted = rng.integers(0, 256, (draws + 1, T, H, W, 3), dtype=np.uint8)
    masked = MaskedClip(original, distorted, grid, levels, draw(st.sampled_from(NORMS)))
    moves = []
    for _ in range(draw(st.integers(0, 12))):
        ends = [sorted(rng.choice(n + 1, 2, replace=False)) for n in (T, grid, grid)]
        box = Box(*(int(i) for pair in ends for i in pair))
        chosen = rng.random(box.shape) < 0.5 if rng.integers(2) else None
        moves.append((box, int(rng.integers(levels + 1)), int(rng.integers(draws)), chosen))
    return masked, moves


def upsample(cells, H, W):
    """Nearest-neighbour (T, G, G) to (T, H, W), pixel by pixel, without the code under test."""
    grid = cells.shape[1]
    row = [max(r for r in range(grid) if round(r * H / grid) <= y) for y in range(H)]
    col = [max(c for c in range(grid) if round(c * W / grid) <= x) for x in range(W)]
    return cells[:, row][:, :, col]


@PROPERTY
@given(games())
def test_the_clip_is_the_rounded_blend_of_its_mask(game):
    masked, moves = game
    level, draw = np.zeros_like(masked.level), np.zeros_like(masked.draw)
    for box, strength, source, chosen in moves:
        masked.paint(box, strength, source, chosen)
        where = np.ones(box.shape, bool) if chosen is None else chosen
        level[box.cells][where] = strength
        draw[box.cells][where] = source if strength else 0
    H, W = masked.original.shape[1:3]
    mask = level.astype(np.float32) / np.float32(masked.levels)
    assert masked.mask.dtype == np.float32
    assert np.array_equal(masked.mask, mask)
    assert np.array_equal(masked.draw, draw)
    source = np.choose(upsample(draw, H, W)[..., None], masked.distorted)
    clip = masked.original.astype(np.float32)
    exact = clip + upsample(mask, H, W)[..., None] * (source.astype(np.float32) - clip)
    assert masked.frames.dtype == np.uint8
    assert np.array_equal(masked.frames, np.rint(exact).astype(np.uint8))


@PROPERTY
@given(games())
def test_undoing_everything_gives_the_original_back_bit_for_bit(game):
    masked, moves = game
    before = masked.original.copy(), [d.copy() for d in masked.distorted]
    for move in moves:
        masked.paint(*move)
    for box, _, draw, _ in reversed(moves):
        masked.paint(box, 0, draw)
    assert np.array_equal(masked.frames, before[0])
    assert np.array_equal(masked.original, before[0])
    assert all(np.array_equal(a, b) for a, b in zip(masked.distorted, before[1], strict=True))
    assert masked.norm() == 0
    assert not masked.mask.any() and not masked.draw.any()


@PROPERTY
@given(games())
def test_the_norm_is_that_of_the_actual_clip(game):
    masked, moves = game
    for move in moves:
        masked.paint(*move)
        actual = perturbation_norm(masked.original, masked.frames, masked.norm_name)
        assert masked.norm() == pytest.approx(actual, rel=1e-4, abs=1e-9)


@PROPERTY
@given(games())
def test_full_norm_is_the_largest_of_the_distorted_clips(game):
    masked, _ = game
    actual = max(perturbation_norm(masked.original, d, masked.norm_name) for d in masked.distorted)
    assert masked.full_norm() == pytest.approx(actual, rel=1e-4, abs=1e-9)


@PROPERTY
@given(games())
def test_a_move_touches_the_chosen_cells_of_its_box_and_nothing_else(game):
    masked, moves = game
    H, W = masked.original.shape[1:3]
    for box, level, draw, chosen in moves:
        before = masked.frames.copy()
        masked.paint(box, level, draw, chosen)
        inside = np.zeros(masked.level.shape, bool)
        inside[box.cells] = True if chosen is None else chosen
        changed = (masked.frames != before).any(-1)
        assert not (changed & ~upsample(inside, H, W)).any()


def test_norms_by_hand():
    original = np.zeros((2, 2, 5, 3), np.uint8)  # 20 pixels, 60 values
    other = original.copy()
    other[0, 0, 0] = (255, 51, 0)
    other[1, 1, 4] = (0, 0, 102)
    expected = {
        "l2": np.sqrt(1 + 0.04 + 0.16),
        "linf": 1.0,
        "l1": 1.6 / 60,
        "l0": 2 / 20,
    }
    for norm, value in expected.items():
        assert perturbation_norm(original, other, norm) == pytest.approx(value, rel=1e-6)
        assert perturbation_norm(other, original, norm) == pytest.approx(value, rel=1e-6)
        assert perturbation_norm(original, original, norm) == 0


@PROPERTY
@given(length=st.integers(1, 300), data=st.data())
def test_cells_cover_a_side_without_gaps_and_are_nearly_equal(length, data):
    grid = data.draw(st.integers(1, length))
    sizes = np.diff(cell_edges(length, grid))
    assert len(sizes) == grid
    assert sizes.sum() == length
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 2


def test_a_grid_finer_than_the_pixels_is_refused():
    with pytest.raises(ValueError, match="grid=9 is finer"):
        cell_edges(8, 9)


def test_blending_rounds_halves_to_even_and_keeps_both_ends():
    a = np.array([0, 1, 2, 255], np.uint8).reshape(1, 1, 4, 1).repeat(3, -1)
    b = np.array([1, 2, 255, 0], np.uint8).reshape(1, 1, 4, 1).repeat(3, -1)
    assert np.array_equal(blend(a, b, 0), a)
    assert np.array_equal(blend(a, b, 1), b)
    assert blend(a, b, 0.5)[0, 0, :, 0].tolist() == [0, 2, 128, 128]
