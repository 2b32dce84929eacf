"""Protects the decision-based attacks: they see nothing but the label, start from a counted flip and
then find a smaller clip that still flips."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack_toys import FRAMES, SIZE, LinearVictim, darken, grey_clip, make, rules
from tests.toys import CountingVictim, softmax
from video_attack.agents.attacks.decision.heuristic import salient_region
from video_attack.agents.attacks.decision.label_only import corners
from video_attack.agents.attacks.decision.stde import boxes, first_boxes, shrunk
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.game.bound import Bound

HEURISTIC = "video_attack.agents.attacks.decision.heuristic.Heuristic"
STDE = "video_attack.agents.attacks.decision.stde.Stde"
CONF = Path(__file__).parents[1] / "conf/attack"
SHIPPED = {
    keys.pop("_target_"): keys
    for name in ("heuristic", "stde", "rays", "hopskipjump", "surfree")
    for keys in [yaml.safe_load((CONF / f"{name}.yaml").read_text())]
}
ALL = pytest.mark.parametrize("target", SHIPPED)


class Spot(CountingVictim):
    """Flips when one spot, 2 frames x 8 x 8 pixels, is 4 levels brighter than in the clean clip.

    How sure its scores are is random, so that an attack that looked at them would go another way.
    """

    spot = np.s_[3:5, 8:16, 8:16]

    def __init__(self, feedback="label"):
        super().__init__(FRAMES, SIZE)
        self.feedback, self.seen, self.level = (
            feedback,
            [],
            grey_clip().frames[self.spot].mean() + 4,
        )

    def answer(self, clips):
        self.seen += list(clips)
        flipped = np.array([frames[self.spot].mean() > self.level for frames in clips])
        sure = np.random.default_rng(len(self.seen)).uniform(1, 3, len(clips)) * (2 * flipped - 1)
        return softmax(np.stack([-sure, sure, np.full_like(sure, -4)], axis=1))


def attack(target, budget, eps=10, cleanup=0, **keys):
    config = {"_target_": target, **SHIPPED[target], **keys}
    return build("attack", config, rules(budget, eps, cleanup=cleanup))


@ALL
def test_the_note_shows_where_the_best_clip_is_changed(target):
    result = attack(target, 1000, cleanup=100).run(Spot(), grey_clip())
    changed = (result.ledger.best != grey_clip().frames).any(-1).reshape(8, 4, 8, 4, 8)
    assert result.notes["mask"].shape == (8, 4, 4)
    assert np.array_equal(result.notes["mask"] > 0, changed.any((2, 4)))


def run(target, cleanup, seed=0, feedback="label", eps=10, **keys):
    victim = Spot(feedback)
    result = attack(target, 1000, eps, cleanup, **keys).run(victim, grey_clip(), seed)
    assert result.ledger.spent == victim.clips
    return victim, result.ledger


@ALL
def test_scores_and_top_k_are_asked_the_same_as_labels(target):
    asked = [
        run(target, 150, feedback=feedback)[0].seen for feedback in ("label", "topk", "scores")
    ]
    assert len(asked[0]) > 150
    for other in asked[1:]:
        assert np.array_equal(asked[0], other)


@ALL
def test_the_start_is_a_corner_that_was_found_by_counted_queries(target):
    victim, ledger = run(target, 0)
    assert ledger.first_success == ledger.spent == victim.clips < 100
    assert set(np.unique(ledger.best.astype(int) - grey_clip().frames)) == {-10, 10}


@ALL
def test_a_search_without_a_flip_spends_the_budget(target):
    victim = LinearVictim(share=2.0)
    victim.feedback = "label"
    ledger = attack(target, 40).run(victim, grey_clip()).ledger
    assert (ledger.spent, ledger.first_success) == (40, None)


@pytest.mark.parametrize("seed", range(3))
def test_the_heuristic_attack_finds_the_frames_that_matter_and_little_else(seed):
    _, plain = run(HEURISTIC, 0, seed)
    _, ledger = run(HEURISTIC, 40, seed)  # a region, 8 frames, a bisection
    assert ledger.first_success == plain.first_success
    changed = (ledger.best != ledger.clip.frames).any((1, 2, 3))
    # One of the two frames of the spot may do alone, moved by twice as much.
    assert 1 <= changed.sum() <= 2 and set(np.flatnonzero(changed)) <= {3, 4}
    assert ledger.best_norm < 0.6 * plain.best_norm


def test_the_walk_goes_on_from_there():
    _, before = run(HEURISTIC, 40)
    _, after = run(HEURISTIC, 600)
    assert after.best_norm < 0.97 * before.best_norm


@pytest.mark.parametrize("seed", range(3))
def test_evolution_shrinks_the_boxes_around_the_spot(seed):
    _, ledger = run(STDE, 300, seed)
    changed = (ledger.best != ledger.clip.frames).any(-1)
    inside = changed[Spot.spot]
    assert changed.mean() < 0.06  # the spot is 0.016 of the clip; of the start, all is changed
    assert inside.sum() > 0.4 * inside.size and set(np.flatnonzero(changed.any((1, 2)))) <= {3, 4}


@pytest.mark.parametrize("eps", [10, None])
@ALL
def test_the_distorted_clip_is_tried_first_where_the_bound_is_a_distortion(target, eps):
    victim, clean = Spot(), grey_clip().frames
    victim.level = 255  # no clip flips
    attack(target, 10, eps).run(victim, grey_clip())
    assert len(victim.seen) == 10
    wholly = [np.array_equal(frames, darken(clean, 5, None)) for frames in victim.seen]
    assert wholly.index(True) == 1 if eps is None else not any(wholly)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(8, 32, 32), (5, 7, 30), (1, 1, 1)]))
def test_corners_are_corners(seed, sides):
    bound = Bound.linf(np.full((*sides, 3), 128, np.uint8), 10)
    tries = corners(bound, np.random.default_rng(seed))
    for _ in range(5):
        theta = next(tries)
        assert theta.shape == (*sides, 3) and set(np.unique(theta)) <= {-1.0, 1.0}
        assert (abs(bound.render(theta).astype(int) - 128) == 10).all()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_a_shrunk_candidate_covers_no_new_pixel(seed):
    rng = np.random.default_rng(seed)
    genes = np.column_stack([rng.random(6) < 0.7, rng.random((6, 4))])
    genes[rng.integers(6), 0] = 1
    before, after = boxes(genes, 20, 30), boxes(shrunk(genes, rng), 20, 30)
    assert before.shape == (6, 20, 30, 1) and not (after & ~before).any()


def test_the_population_keeps_the_frames_that_change_most():
    clip = np.full((6, 16, 16, 3), 100, np.uint8)
    clip[4:] = 180  # the cut is at frame 4
    first, *others = first_boxes(clip, 15, np.random.default_rng(0))
    assert boxes(first, 16, 16).all() and len(others) == 14
    kept = [int((genes[:, 0] > 0.5).sum()) for genes in others]
    assert kept == sorted(kept, reverse=True) and (kept[0], kept[-1]) == (6, 1)
    assert all(genes[4, 0] > 0.5 for genes in others)


def test_the_salient_region_is_where_a_frame_is_unlike_itself():
    clip = np.full((2, 64, 64, 3), 60, np.uint8)
    clip[:, 20:28, 40:48] = 220
    mask = salient_region(clip, 0.1)
    assert mask.shape == (2, 64, 64, 1) and (mask.mean((1, 2, 3)) == round(409.6) / 4096).all()
    rows, columns = np.nonzero(mask[0, ..., 0])
    assert abs(rows.mean() - 24) < 4 and abs(columns.mean() - 44) < 4


def test_constants_are_the_published_ones():
    heuristic, stde = SHIPPED[HEURISTIC], SHIPPED[STDE]
    published = {"region": 0.6, "iterations": 1000, "directions": 15, "alpha": 0.2, "beta": 0.01}
    assert published.items() <= heuristic.items() and stde["population"] == 15


@pytest.mark.parametrize(
    ("target", "keys", "message"),
    [
        (HEURISTIC, {"region": 0.0}, "region=0.0"),
        (HEURISTIC, {"beta": -1.0}, "must be above 0"),
        (STDE, {"population": 3}, "population=3: must be at least 4"),
        (STDE, {"crossover": 0.0}, "crossover=0.0"),
    ],
)
def test_constants_out_of_range_are_named(target, keys, message):
    with pytest.raises(ConfigError, match=message):
        make(target, **keys)
