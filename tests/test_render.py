"""The panel shows what happened: its sizes suit encoders, the verdict and the mask are true."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.mask import cell_edges
from video_attack.envs.game.render import (
    GRID,
    RIGHT,
    TRUE,
    WRONG,
    difference_tile,
    panel,
    score_tile,
    timeline,
)

CLASSES = ("run", "jump", "swim", "climb", "throw", "a class with a very long name " * 3)


def scene(T=4, H=32, W=32, G=4, seed=0):
    rng = np.random.default_rng(seed)
    original = rng.integers(0, 256, (T, H, W, 3), dtype=np.uint8)
    distorted = original.copy()
    distorted[1] = 255 - distorted[1]
    mask = np.zeros((T, G, G), np.float32)
    mask[1] = 1
    return original, distorted, mask


def share(picture, colour):
    return (picture == colour).all(-1).mean()


@settings(deadline=None, max_examples=15)
@given(
    H=st.integers(7, 61),
    W=st.integers(7, 61),
    T=st.integers(1, 5),
    G=st.integers(1, 7),
    caption=st.sampled_from(["", "short", "long " * 80]),
)
def test_every_frame_of_a_clip_gives_one_even_uint8_size(H, W, T, G, caption):
    original = np.full((T, H, W, 3), 90, np.uint8)
    scores = np.full(len(CLASSES), 1 / len(CLASSES))
    pictures = [
        panel(original, original, np.ones((T, G, G)), scores, CLASSES, 5, t, caption=caption)
        for t in range(T)
    ]
    assert len({picture.shape for picture in pictures}) == 1
    high, wide, channels = pictures[0].shape
    assert pictures[0].dtype == np.uint8 and channels == 3
    assert high % 2 == 0 and wide % 2 == 0
    assert high >= 224 and wide >= 4 * 224


def test_inputs_are_left_alone_and_the_tiles_show_them():
    original, distorted, mask = scene(H=224, W=224)
    kept = original.copy(), distorted.copy(), mask.copy()
    scores = np.eye(len(CLASSES))[0]
    picture = panel(original, distorted, mask, scores, CLASSES, 0, 1)
    for before, after in zip(kept, (original, distorted, mask), strict=True):
        assert np.array_equal(before, after)
    tiles = np.lib.stride_tricks.sliding_window_view(picture[:, :, 0], (224, 224))
    for clip in (original, distorted):
        assert (tiles[:, :, 0, 0] == clip[1, 0, 0, 0]).any()
        assert any(
            np.array_equal(tiles[y, x], clip[1, :, :, 0])
            for y, x in np.argwhere(tiles[:, :, 5, 7] == clip[1, 5, 7, 0])
        )


def test_the_verdict_is_green_while_the_label_holds_and_red_once_it_flips():
    held = score_tile(np.array([0.6, 0.4, 0, 0, 0, 0]), CLASSES, 0, 224)
    flipped = score_tile(np.array([0.4, 0.6, 0, 0, 0, 0]), CLASSES, 0, 224)
    assert share(held, RIGHT) > 0.08 and share(held, WRONG) == 0
    assert share(flipped, WRONG) > 0.08 and share(flipped, RIGHT) == 0


def test_the_true_class_is_shown_even_when_it_ranks_last():
    scores = np.array([0.29, 0.22, 0.18, 0.14, 0.11, 0.06])
    last, fifth = (score_tile(scores, CLASSES, label, 224) for label in (5, 4))
    assert 0 < share(last, TRUE) < share(fifth, TRUE)


@settings(deadline=None, max_examples=20)
@given(side=st.integers(5, 60), G=st.integers(1, 5), seed=st.integers(0, 99))
def test_only_cells_in_the_mask_are_tinted(side, G, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((G, G)).astype(np.float32) * (rng.random((G, G)) < 0.5)
    original = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    scale = 4
    tile = difference_tile(original, original, mask, side * scale, side * scale)
    edges = cell_edges(side, G) * scale
    for row, column in np.ndindex(G, G):
        # A cell's inside: its first lines carry the grid.
        inside = tile[edges[row] + 1 : edges[row + 1], edges[column] + 1 : edges[column + 1]]
        assert (inside == 128).all() == (mask[row, column] == 0)


def test_the_difference_is_signed_amplified_and_clipped():
    original = np.full((8, 8, 3), 100, np.uint8)
    distorted = original.copy()
    distorted[:, :4, 0] += 10
    distorted[:, 4:, 1] = 0
    tile = difference_tile(original, distorted, np.zeros((1, 1)), 8, 8, gain=4)
    assert tile[0, 0].tolist() == [168, 128, 128]
    assert tile[0, 7].tolist() == [128, 0, 128]


def test_grid_lines_follow_the_cells_of_a_side_that_does_not_divide():
    grey = np.zeros((10, 10, 3), np.uint8)
    tile = difference_tile(grey, grey, np.zeros((3, 3)), 100, 100)
    lines = np.flatnonzero((tile[:, 1] == GRID).all(-1))
    assert lines.tolist() == (cell_edges(10, 3)[1:-1] * 10).tolist()


def test_the_timeline_moves_its_cursor_and_fills_with_the_mask():
    mask = np.zeros((8, 2, 2))
    empty = timeline(mask, 0, 600)
    assert not np.array_equal(empty, timeline(mask, 5, 600))
    mask[6] = 0.5
    filled = timeline(mask, 0, 600)
    changed = np.flatnonzero((filled != empty).any((0, 2)))
    width = (600 - 156) / 8
    assert changed.min() >= 156 + 6 * width - 1 and changed.max() < 156 + 7 * width


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mask": np.zeros((3, 4, 4))}, "mask must have shape"),
        ({"mask": np.zeros((4, 4, 5))}, "mask must have shape"),
        ({"scores": np.zeros(2)}, "one value for each of 6 classes"),
        ({"frame": 4}, "frame 4"),
        ({"label": -1}, "label -1"),
        ({"distorted": np.zeros((4, 32, 30, 3), np.uint8)}, "one shape"),
        ({"original": np.zeros((4, 32, 32, 3))}, "uint8"),
    ],
)
def test_what_does_not_belong_together_is_refused(change, words):
    original, distorted, mask = scene()
    arguments = {
        "original": original, "distorted": distorted, "mask": mask, "scores": np.zeros(6),
        "classes": CLASSES, "label": 0, "frame": 0,
    }  # fmt: skip
    with pytest.raises(ValueError, match=words):
        panel(**{**arguments, **change})


def test_drawing_is_quick_enough_to_film_an_episode():
    original, distorted, mask = scene(T=16, H=112, W=112, G=8)
    scores = np.full(len(CLASSES), 1 / len(CLASSES))
    times = []
    for t in range(16):
        start = time.perf_counter()
        panel(original, distorted, mask, scores, CLASSES, 0, t)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.03, "a panel takes 3 to 5 ms on an idle core"
