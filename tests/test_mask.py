"""Cells cover a side without gaps; norms are what they are called, on the stated scales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.mask import cell_edges, perturbation_norm

PROPERTY = settings(deadline=None, max_examples=40)


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
