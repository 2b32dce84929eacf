"""Every action of a space is a move, every frame and place can be reached, and bad actions raise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import brighten

from video_attack.envs.distortions.texture import texture
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.moves import ACTS, RESCALES, SPATIAL, TEMPORAL, Moves
from video_attack.envs.game.palette import FLICKERS, Palette

PROPERTY = settings(deadline=None, max_examples=40)
BOUNDS = (BoundConfig(), BoundConfig("none"), BoundConfig("linf", eps=10))


def moves_of(config, frames, distort=brighten, bound=BOUNDS[0], flat=False):
    return Moves(config, Palette(distort, bound, config), frames, flat=flat)


@st.composite
def move_spaces(draw, flat):
    numbers = {"min_size": 1, "max_size": 4, "unique": True}
    config = GameConfig(
        grid=draw(st.integers(1, 5)),
        variants=draw(st.integers(1, 3)),
        sizes=draw(st.lists(st.floats(0.01, 1), **numbers)),
        strengths=draw(st.lists(st.floats(0.1, 40), **numbers)),
        windows=draw(st.lists(st.integers(1, 20), **numbers)),
        strides=draw(st.lists(st.integers(1, 6), **numbers)),
        textures=draw(st.booleans()),
    )
    distort, bound = draw(st.sampled_from([brighten, texture])), draw(st.sampled_from(BOUNDS))
    return moves_of(config, draw(st.integers(1, 16)), distort, bound, flat)


def check_move(move, moves, rng):
    config = moves.config
    assert move.act in ACTS and move.rescale in RESCALES
    assert move.size in config.sizes and move.strength in config.strengths
    assert all(0 <= index < config.grid for index in move.centre)
    run = range(moves.frames)[move.frames]
    assert len(run) >= 1 and move.frames.stop <= moves.frames
    assert run.step in config.strides
    assert len(run) <= max(config.windows)
    shape = (moves.frames, int(rng.integers(5, 40)), int(rng.integers(5, 40)), 3)
    region = moves.region(move, shape, rng)
    for side, length in zip(region[1:], shape[1:3], strict=True):
        assert 0 <= side.start < side.stop <= length
        assert side.stop - side.start == min(max(2, round(move.size * length)), length)
    assert np.zeros(shape)[region].shape == (*region.shape, 3)


@PROPERTY
@given(moves=move_spaces(flat=False), seed=st.integers(0, 2**16))
def test_each_action_is_a_move(moves, seed):
    rng = np.random.default_rng(seed)
    for number, space in enumerate(moves.spaces.values()):
        space.seed(seed + number)
    for _ in range(10):
        actions = [moves.spaces[agent].sample() for agent in ("spatial", "temporal")]
        move = moves.decode(*actions)
        check_move(move, moves, rng)
        told = dict(zip((*SPATIAL, *TEMPORAL), np.concatenate(actions).tolist(), strict=True))
        patch, size = divmod(told["patch"], len(moves.config.sizes))
        assert move.act == ACTS[told["act"]] and move.rescale == RESCALES[told["rescale"]]
        assert move.size == moves.config.sizes[size]
        assert move.strength == moves.config.strengths[told["strength"]]
        assert move.centre == divmod(patch, moves.grid)
        assert move.paint._asdict() == {key: told[key] for key in move.paint._fields}


@settings(deadline=None, max_examples=10)
@given(moves=move_spaces(flat=True))
def test_flat_actions_paint_or_undo_and_are_all_different(moves):
    rng, config = np.random.default_rng(0), moves.config
    found = [moves.decode(action, 0) for action in range(int(moves.spaces["spatial"].n))]
    for move in found:
        check_move(move, moves, rng)
        assert move.act in ("paint", "undo") and move.rescale == "boundary"
    named = {(m.act, m.centre, m.size, m.strength, m.paint) for m in found}
    strokes = len(config.strengths) * moves.palette.scales
    assert len(named) == config.grid**2 * len(config.sizes) * (strokes + 1)
    for temporal in range(int(moves.spaces["temporal"].n)):
        check_move(moves.decode(0, temporal), moves, rng)


def frames_of(moves, first, window, stride):
    run = (first * len(moves.windows) + window) * len(moves.config.strides) + stride
    move = moves.decode(np.zeros(len(SPATIAL), int), np.array([run, 0]))
    return list(range(moves.frames)[move.frames])


def test_frames_by_hand():
    moves = moves_of(GameConfig(windows=[1, 3, 16], strides=[1, 2, 3]), 8)
    assert frames_of(moves, 5, 0, 2) == [5], "any single frame"
    assert frames_of(moves, 2, 1, 0) == [2, 3, 4], "a run"
    assert frames_of(moves, 1, 1, 1) == [1, 3, 5], "every second frame"
    assert frames_of(moves, 6, 1, 2) == [6], "shorter where the clip ends"
    assert frames_of(moves, 5, 2, 0) == list(range(8)), "longer than the clip: all of it"
    assert frames_of(moves, 5, 2, 1) == [1, 3, 5, 7], "all of every second, with its remainder"


def test_every_pixel_of_every_frame_can_be_reached():
    moves, rng = (
        moves_of(GameConfig(grid=3, sizes=[0.7], windows=[1], strides=[1]), 5),
        np.random.default_rng(0),
    )
    met = np.zeros((5, 20, 20, 3), bool)
    for patch in range(9):
        for frame in range(5):
            spatial = np.zeros(len(SPATIAL), int)
            spatial[0] = patch
            met[moves.region(moves.decode(spatial, np.array([frame, 0])), met.shape, rng)] = 1
    assert met.all()


def test_only_a_fresh_stroke_is_shifted_within_its_cell():
    moves, rng = moves_of(GameConfig(grid=3, sizes=[0.2]), 5), np.random.default_rng(0)
    for act in ACTS:
        spatial = np.zeros(len(SPATIAL), int)
        spatial[0], spatial[SPATIAL.index("act")] = 4, ACTS.index(act)
        move = moves.decode(spatial, np.zeros(len(TEMPORAL), int))
        found = {str(moves.region(move, (5, 60, 60, 3), rng)) for _ in range(20)}
        assert (len(found) > 3) == (act == "paint")


def test_what_a_distortion_does_not_have_is_no_choice():
    config = GameConfig(variants=3)
    plain = moves_of(config, 8, bound=BoundConfig("none"))
    parts = dict(zip(SPATIAL, plain.spatial_parts, strict=True))
    assert [parts[key] for key in ("version", "scale", "orientation", "colour")] == [1] * 4
    assert plain.temporal_parts[TEMPORAL.index("flicker")] == 1
    painted = moves_of(config, 8, texture, BoundConfig("none"))
    parts = dict(zip(SPATIAL, painted.spatial_parts, strict=True))
    assert min(parts[key] for key in ("scale", "orientation", "colour")) > 1
    assert painted.temporal_parts[TEMPORAL.index("flicker")] == len(FLICKERS)


GOOD = [0] * len(SPATIAL), [0] * len(TEMPORAL)


@pytest.mark.parametrize(
    ("spatial", "temporal"),
    [
        ([-1, *GOOD[0][1:]], GOOD[1]),
        ([9999, *GOOD[0][1:]], GOOD[1]),
        ([*GOOD[0][1:], 99], GOOD[1]),
        (GOOD[0][:-1], GOOD[1]),
        (GOOD[0], [10**6, 0]),
        (GOOD[0], [GOOD[1]]),
        (GOOD[0], 0),
        (GOOD[0], [0.5, 0.0]),
    ],
)
def test_bad_actions_raise(spatial, temporal):
    moves = moves_of(GameConfig(), 16)
    moves.decode(*(np.array(part) for part in GOOD))
    with pytest.raises(ValueError, match=r"(?s)action .* is not in MultiDiscrete"):
        moves.decode(np.array(spatial), np.array(temporal))


@pytest.mark.parametrize("spatial", [-1, 10**6, [0, 0], 0.5])
def test_bad_flat_actions_raise(spatial):
    moves = moves_of(GameConfig(), 16, flat=True)
    with pytest.raises(ValueError, match="is not in Discrete"):
        moves.decode(np.array(spatial), 0)
