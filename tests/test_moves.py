"""Every action of a space is a legal move, every legal box can be reached, and bad actions raise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.mask import Box
from video_attack.envs.game.moves import Moves

PROPERTY = settings(deadline=None, max_examples=40)


@st.composite
def move_spaces(draw, flat):
    grid = draw(st.integers(1, 7))
    side = st.integers(1, grid)
    config = GameConfig(
        grid=grid,
        levels=draw(st.integers(1, 4)),
        draws=draw(st.integers(1, 3)),
        sizes=draw(st.lists(st.tuples(side, side).map(list), min_size=1, max_size=4)),
        windows=draw(st.lists(st.integers(1, 20), min_size=1, max_size=4)),
    )
    return config, Moves(config, draw(st.integers(1, 16)), flat=flat)


def check_box(box, config, moves):
    assert 0 <= box.t0 < box.t1 <= moves.frames
    assert 0 <= box.r0 < box.r1 <= config.grid
    assert 0 <= box.c0 < box.c1 <= config.grid
    assert [box.r1 - box.r0, box.c1 - box.c0] in config.sizes
    assert box.t1 - box.t0 in {min(w, moves.frames) for w in config.windows}


@PROPERTY
@given(game=move_spaces(flat=False), seed=st.integers(0, 2**16))
def test_each_action_is_a_legal_move(game, seed):
    config, moves = game
    for agent, space in moves.spaces.items():
        space.seed(seed + (agent == "temporal"))
    for _ in range(10):
        spatial, temporal = (moves.spaces[agent].sample() for agent in ("spatial", "temporal"))
        move = moves.decode(spatial, temporal)
        check_box(move.add, config, moves)
        assert 1 <= move.level <= config.levels
        assert 0 <= move.draw < config.draws
        assert (move.undo is None) == (spatial[5] == 0)
        if move.undo is not None:
            check_box(move.undo, config, moves)
        assert all(type(value) is int for value in (*move.add, move.level, move.draw))


@settings(deadline=None, max_examples=10)
@given(game=move_spaces(flat=True))
def test_flat_actions_add_or_undo_and_are_all_different(game):
    config, moves = game
    meanings = set()
    for spatial in range(int(moves.spaces["spatial"].n)):
        move = moves.decode(spatial, 0)
        assert (move.add is None) != (move.undo is None)
        check_box(move.add or move.undo, config, moves)
        if move.add:
            assert 1 <= move.level <= config.levels
            assert 0 <= move.draw < config.draws
        meanings.add(move)
    kinds = {(move.level, move.draw) for move in meanings if move.add}
    assert len(kinds) == config.levels * config.draws
    for temporal in range(int(moves.spaces["temporal"].n)):
        check_box(moves.decode(0, temporal).add, config, moves)


@pytest.mark.parametrize("flat", [False, True])
def test_every_cell_can_be_distorted_and_undone(flat):
    moves = Moves(GameConfig(grid=3, levels=1, sizes=[[2, 2]], windows=[2]), 5, flat=flat)
    added, undone = np.zeros((5, 3, 3), bool), np.zeros((5, 3, 3), bool)
    for patch in range(9):
        for frame in range(5):
            if flat:
                pairs = [(patch, frame), (9 + patch, frame)]
            else:
                pairs = [([patch, 0, 0, 0, patch, 1], [frame, 0, frame, 0])]
            for spatial, temporal in pairs:
                move = moves.decode(np.array(spatial), np.array(temporal))
                for box, seen in ((move.add, added), (move.undo, undone)):
                    if box is not None:
                        seen[box.cells] = True
    assert added.all() and undone.all()


def test_a_move_by_hand():
    moves = Moves(GameConfig(grid=4, levels=3, draws=2, sizes=[[1, 1], [3, 2]], windows=[4, 2]), 8)
    move = moves.decode(np.array([5, 1, 2, 1, 15, 1]), np.array([3, 0, 7, 1]))
    assert move.add == Box(3, 5, 0, 3, 1, 3)  # rows 0-2 around row 1, columns 1-2, frames 3-4
    assert (move.level, move.draw) == (3, 1)
    assert move.undo == Box(4, 8, 3, 4, 3, 4)  # window of 4 moved inside the clip
    assert moves.decode(np.array([5, 1, 2, 1, 15, 0]), np.array([3, 0, 7, 1])).undo is None


def test_a_size_may_say_that_one_cell_in_n_is_meant():
    config = GameConfig(grid=4, sizes=[[1, 1], [4, 4, 10]], windows=[2])
    add, undo = [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2]
    moves, time = Moves(config, 8), np.zeros(4, int)
    move = moves.decode(np.array(add), time)
    assert (move.add_one_in, move.undo_one_in, move.add) == (10, 1, Box(0, 2, 0, 4, 0, 4))
    move = moves.decode(np.array(undo), time)
    assert (move.add_one_in, move.undo_one_in, move.undo) == (1, 10, Box(0, 2, 0, 4, 0, 4))
    flat = Moves(config, 8, flat=True)
    found = [flat.decode(action, 0) for action in range(int(flat.spaces["spatial"].n))]
    assert {move.add_one_in for move in found if move.add} == {1, 10}
    assert {move.undo_one_in for move in found if move.undo} == {1, 10}


def test_windows_longer_than_the_clip_mean_all_of_it():
    moves = Moves(GameConfig(windows=[2, 16, 32]), 8)
    assert moves.windows == [2, 8]


GOOD = [0, 0, 0, 0, 0, 0], [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("spatial", "temporal"),
    [
        ([-1, 0, 0, 0, 0, 0], GOOD[1]),
        ([49, 0, 0, 0, 0, 0], GOOD[1]),
        ([0, 0, 0, 0, 0, 99], GOOD[1]),
        (GOOD[0][:5], GOOD[1]),
        (GOOD[0], [99, 0, 0, 0]),
        (GOOD[0], [[0, 0, 0, 0]]),
        (GOOD[0], 0),
        (GOOD[0], [0.5, 0.0, 0.0, 0.0]),
    ],
)
def test_bad_actions_raise(spatial, temporal):
    moves = Moves(GameConfig(), 16)
    moves.decode(*(np.array(part) for part in GOOD))
    with pytest.raises(ValueError, match=r"action .* is not in MultiDiscrete"):
        moves.decode(np.array(spatial), np.array(temporal))


@pytest.mark.parametrize("spatial", [-1, 10**6, [0, 0], 0.5])
def test_bad_flat_actions_raise(spatial):
    moves = Moves(GameConfig(), 16, flat=True)
    with pytest.raises(ValueError, match="is not in Discrete"):
        moves.decode(np.array(spatial), 0)
