"""The promise map points to where distortion has worked, and to what is unknown, not to what failed."""

import numpy as np

from envs.promise import Promise

SHAPE = (16, 7, 7)


def tile(t, r, c, frames=4):
    cells = np.zeros(SHAPE, bool)
    cells[t : t + frames, r, c] = True
    return cells


def nothing():
    return np.zeros(SHAPE, bool)


def test_before_any_answer_all_cells_promise_the_same():
    assert np.ptp(Promise(SHAPE).bound()) == 0


def test_neighbours_of_a_success_promise_most_and_those_of_a_failure_least():
    promise = Promise(SHAPE)
    promise.credit(tile(4, 1, 1), nothing(), 0.1)
    promise.credit(tile(4, 5, 5), nothing(), -0.1)
    bound = promise.bound()
    assert bound.min() >= 0 and bound.max() <= 1
    beside, far, bad = bound[5, 1, 2], bound[5, 3, 3], bound[5, 5, 4]
    assert beside > far > bad
    assert bound[9, 1, 1] > bound[9, 5, 5]  # the same places, later
    assert bound[5, 1, 1] < 0.1 * beside  # what was tried itself is not tried again


def test_taking_distortion_off_says_the_opposite():
    promise = Promise(SHAPE)
    promise.credit(nothing(), tile(4, 1, 1), 0.1)
    promise.credit(nothing(), tile(4, 5, 5), -0.1)
    bound = promise.bound()
    assert bound[5, 5, 4] > bound[5, 1, 2]


def test_a_move_that_changed_nothing_says_nothing():
    promise = Promise(SHAPE)
    promise.credit(nothing(), nothing(), 0.5)
    assert np.ptp(promise.bound()) == 0


def test_a_search_that_follows_it_needs_fewer_tries_than_chance():
    """Effects that are alike in neighbouring cells, as they were measured on I3D."""
    tries = {"promise": [], "chance": []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        centre = rng.uniform(0, 7, 2)
        rows, columns = np.mgrid[:7, :7]
        near = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 4)
        effect = near[None] + 0.2 * rng.standard_normal((4, 7, 7)) - 0.2
        wanted = 0.5 * effect[effect > 0].sum()
        for name in tries:
            promise, order = Promise(SHAPE), rng.permutation(4 * 49)
            done, found = np.zeros((4, 7, 7), bool), 0.0
            while found < wanted:
                score = promise.bound()[1::4] + 1e-3 * rng.random((4, 7, 7))
                best = score if name == "promise" else order.reshape(4, 7, 7)
                place = np.unravel_index(np.argmax(np.where(done, -1, best)), done.shape)
                done[place] = True
                promise.credit(tile(4 * place[0], *place[1:]), nothing(), effect[place])
                found += max(effect[place], 0)
            tries[name].append(done.sum())
    assert np.mean(tries["promise"]) < 0.7 * np.mean(tries["chance"])
