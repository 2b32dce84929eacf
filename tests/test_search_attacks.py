"""Protects the searches over boxes (square, simba, greedy, rlab): that they lower the margin as far
as they can on victims whose optimum is known, find the sensitive block, and count all they do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack_toys import BOUNDS, FRAMES, LinearVictim, darken, grey_clip, rules, shipped
from video_attack.agents.attacks.base import Attack, AttackResult
from video_attack.agents.attacks.search.boxes import runs
from video_attack.agents.attacks.search.square import Square
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.victims.base import Scores

NAMES = ("square", "simba", "greedy", "rlab")


def make(name: str, budget: int, eps: int | None = 10, game: Any = None, **keys: Any) -> Attack:
    attack: Attack = build("attack", {**shipped(name), **keys}, rules(budget, eps, **game or {}))
    return attack


class Meter(LinearVictim):
    """Keeps every clip that it is asked about."""

    def __init__(self, share: float = 1.2, seed: int = 0) -> None:
        super().__init__(share, seed)  # 1.2: Linf 10 cannot flip the label, but the margin moves
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)

    def reached(self, bound: Bound) -> float:
        """Share of the way from the clean sum to the lowest one within the bound."""
        totals = self.total(np.stack(self.seen))
        return float((totals[0] - totals.min()) / (totals[0] - self.optimum(bound)))


class Spot(Meter):
    """Sees one block only: frames 4-7, the third row and the second column of a 4 x 4 grid.

    All its weights are `sign`, so that the whole block raised or lowered is the optimum.
    """

    CELL = (slice(4, 8), 2, 1)

    def __init__(self, share: float = 1.2, sign: float = 1.0) -> None:
        super().__init__(share)
        self.weights = np.zeros_like(self.weights)
        self.weights[4:8, 16:24, 8:16] = sign / (4 * 8 * 8 * 3 * 10)  # Linf 10 moves the sum by 1


def attack(victim: LinearVictim, name: str, budget: int = 200, **keys: Any) -> AttackResult:
    seed = keys.pop("seed", 0)
    return make(name, budget, **keys).run(victim, grey_clip(), seed)


def random_corners(victim: Meter, queries: int) -> None:
    bound, rng = Bound.linf(grey_clip().frames, 10), np.random.default_rng(0)
    victim.scores(bound.clean[None])
    for _ in range(queries - 1):
        victim.scores(bound.render(rng.choice([-1.0, 1.0], bound.clean.shape))[None])


# A cell of one sign over n blocks of independent weights can follow 1 / sqrt(n) of them: 0.41 for
# greedy and rlab (3 channels, 2 blocks of frames), 0.71 for simba's (2 blocks of frames), all of
# it where simba's blocks are the victim's own. Square has no such limit, but no end either.
@pytest.mark.parametrize(
    ("name", "budget", "keys", "least"),
    [
        ("square", 400, {}, 0.2),  # this victim looks at pairs of frames, so that flicker costs
        ("square", 400, {"flicker": False, "windows": [2, 4, 8]}, 0.3),
        ("simba", 300, {"frames": 2}, 0.95),
        ("simba", 200, {}, 0.6),
        ("greedy", 200, {}, 0.35),
        ("rlab", 100, {}, 0.35),
    ],
)
def test_comes_near_the_optimum(name: str, budget: int, keys: Any, least: float) -> None:
    bound = Bound.linf(grey_clip().frames, 10)
    victim, chance = Meter(), Meter()
    attack(victim, name, budget, **keys)
    random_corners(chance, budget)
    assert victim.reached(bound) >= least
    assert victim.reached(bound) > 2 * chance.reached(bound)


@pytest.mark.parametrize("name", NAMES)
def test_a_targeted_search_lowers_the_margin_of_its_target(name: str) -> None:
    victim = Meter(share=0.25)
    result = attack(victim, name, 500, game={"target": "1"})
    assert result.ledger.best_scores is not None and result.ledger.best_scores.argmax() == 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("name", "queries"), [("greedy", 4 + 2 * 16), ("rlab", 1 + 32 + 1)])
def test_the_sensitive_block_is_found(name: str, queries: int, sign: float) -> None:
    victim = Spot(sign=sign)
    result = attack(victim, name, queries)
    sensitivity = result.notes["sensitivity"]
    found = np.abs(np.nan_to_num(sensitivity)) > 1e-4
    assert found[Spot.CELL].all()
    if name == "rlab":  # it never distorts a whole group
        assert found.sum() == 4


def test_greedy_opens_the_more_sensitive_group_first() -> None:
    victim = Spot()
    attack(victim, "greedy", 8)
    changed = [np.flatnonzero((seen != victim.seen[0]).any((1, 2, 3))) for seen in victim.seen]
    # The clean clip; each half raised and, where that does not help, lowered; then patches.
    assert [list(c[[0, -1]]) for c in changed[1:5]] == [[0, 3], [0, 3], [4, 7], [4, 7]]
    assert all(c[0] == 4 for c in changed[5:])


def test_greedy_applies_what_helped_and_nothing_else() -> None:
    victim = Spot(share=0.5)
    result = attack(victim, "greedy", 200, game={"norm": "l0", "cleanup": 0}, groups=1)
    mask = result.notes["mask"]
    assert result.ledger.best is not None and mask[Spot.CELL].all()


def test_simba_never_repeats_a_direction_within_a_round() -> None:
    victim = Meter()
    attack(victim, "simba", 1 + 2 * 48, frames=4)
    totals = victim.total(np.stack(victim.seen))
    tried, state = set(), 0
    for number in range(1, len(victim.seen)):
        step = victim.seen[number].astype(int) - victim.seen[state]
        where = [(int(axis.min()), int(axis.max())) for axis in np.nonzero(step)]
        move = (*where, int(np.sign(step.sum())))
        assert where[3][0] == where[3][1] and move not in tried  # one channel, never before
        tried.add(move)
        if totals[number] < totals[state]:
            state = number
    assert len(tried) == len(victim.seen) - 1


def test_square_has_the_published_schedule() -> None:
    conf = shipped("square")
    halved = [round(share * 10_000) for share in conf["halve_at"]]
    assert halved == [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    square = make("square", 400)
    assert isinstance(square, Square)
    assert conf["p_init"] == square.share(0) == square.share(0.001) == 0.8
    assert square.share(0.0011) == 0.4 and square.share(0.06) == 0.8 / 16
    assert square.share(1.0) == 0.8 / 512


@pytest.mark.parametrize("flicker", [True, False])
def test_square_starts_from_stripes_and_stays_in_the_corners(flicker: bool) -> None:
    victim = Meter()
    attack(victim, "square", 60, flicker=flicker)
    moved = np.stack(victim.seen[1:]).astype(int) - victim.seen[0]
    assert (np.abs(moved) == 10).all()
    assert (moved[0] == moved[0][:, :1]).all()  # the same in every row
    assert len(np.unique(moved[0][0, 0], axis=0)) == 8  # each sign of each channel, somewhere
    assert (moved[0] == moved[0][:1]).all() != flicker  # in every frame, or its own in each
    box = moved[1] - moved[0]
    assert (box != box[:1]).any() == flicker


@pytest.mark.parametrize("bound", ["l2", "none"])
def test_square_in_a_ball_goes_down_its_surface_and_then_shrinks_it(bound: str) -> None:
    victim, radius = Meter(share=0.02), {"l2": 2.0, "none": 3.0}[bound]
    game = {"cleanup": 1000}
    config = {**shipped("square"), "radius": 3.0}
    searched: Attack = build("attack", config, rules(800, bound=BOUNDS[bound], **game))
    result = searched.run(victim, grey_clip())
    moved = np.stack(victim.seen[1:]).astype(float) - victim.seen[0]
    lengths = np.sqrt(np.square(moved).sum((1, 2, 3, 4))) / 255
    first = result.ledger.first_success
    assert first is not None and lengths[: first - 1] == pytest.approx(radius, rel=0.02)
    assert result.ledger.best_norm < 0.8 * radius and lengths[-1] < 0.8 * radius


def test_a_box_of_square_is_one_square_and_one_run_of_frames() -> None:
    victim = Meter()
    attack(victim, "square", 30, windows=[3], p_init=0.01, halve_at=[])
    totals = victim.total(np.stack(victim.seen))
    state, found = 1, []
    for number in range(2, 30):
        at = np.nonzero(victim.seen[number] != victim.seen[state])
        sides = [int(np.ptp(axis)) + 1 for axis in at[:3]]
        assert max(sides) <= 3  # round(sqrt(0.01 * 32 * 32))
        found.append(sides)
        if totals[number] < totals[state]:
            state = number
    assert found.count([3, 3, 3]) > 20  # less only where part of the box was so already


@pytest.mark.parametrize("name", NAMES)
def test_in_the_distortion_bound_only_what_helps_is_distorted(name: str) -> None:
    """Darkening helps one block and does nothing elsewhere."""
    victim = Spot(share=0.5)
    result = attack(victim, name, 300, eps=None, game={"cleanup": 0})
    assert result.ledger.best is not None
    dark = darken(grey_clip().frames, 5, np.random.default_rng(0))
    for clip in victim.seen:
        whole = (clip == dark).all(-1) | (clip == grey_clip().frames).all(-1)
        assert whole.all()  # every pixel wholly distorted or clean
    mask = result.notes["mask"]
    assert mask[Spot.CELL].mean() > 0.25
    if name in ("simba", "rlab"):  # a whole group of frames is a success of greedy's already
        assert np.count_nonzero(mask) == np.count_nonzero(mask[Spot.CELL]) == 4


@given(seed=st.integers(0, 1000), name=st.sampled_from(NAMES), cleanup=st.sampled_from([0, 30]))
@settings(max_examples=12, deadline=None)
def test_the_notes_show_the_best_clip(seed: int, name: str, cleanup: int) -> None:
    victim = Meter(share=0.2)
    result = attack(victim, name, 300, seed=seed, game={"cleanup": cleanup})
    ledger, mask = result.ledger, result.notes["mask"]
    assert mask.shape == result.notes["sensitivity"].shape == (FRAMES, 4, 4)
    assert mask.dtype == result.notes["sensitivity"].dtype == np.float32
    if ledger.best is not None:
        change = np.abs(ledger.best.astype(float) - grey_clip().frames) / 10
        cells = change.reshape(FRAMES, 4, 8, 4, 8, 3).mean((2, 4, 5))
        assert np.allclose(mask, cells, atol=1e-6)


def test_the_clean_up_of_rlab_removes_distortion_and_stays_in_its_allowance() -> None:
    plain = attack(Meter(share=0.2), "rlab", 200, add=16, game={"cleanup": 0})
    cleaned = attack(Meter(share=0.2), "rlab", 200, add=16, game={"cleanup": 10})
    assert plain.ledger.first_success == plain.ledger.spent == cleaned.ledger.first_success
    assert 0 < cleaned.ledger.spent - plain.ledger.spent <= 10
    assert cleaned.ledger.best_norm < plain.ledger.best_norm
    assert np.count_nonzero(cleaned.notes["mask"]) < np.count_nonzero(plain.notes["mask"])


class Redundant(Meter):
    """Four cells count, of which the second does nothing that the first has not done."""

    def total(self, clips: Frames) -> np.ndarray:
        """1.2, less 0.3 times what the cells do when they are raised by 10 levels."""
        change = (clips.astype(float) - grey_clip().frames) / 10
        cells = change.reshape(-1, 2, 4, 4, 8, 4, 8, 3).mean((2, 4, 6, 7))
        a, b, c, d = cells[:, 0, 0].T
        return 1.2 - 0.3 * (np.maximum(a, 0.9 * b) + 0.6 * c + 0.5 * d)


@pytest.mark.parametrize(("remove", "kept"), [(1, [1, 0, 1, 1]), (0, [1, 1, 1, 1])])
def test_rlab_removes_what_does_little_while_it_adds(remove: int, kept: list[int]) -> None:
    result = attack(Redundant(), "rlab", 100, add=2, remove=remove)
    assert (result.notes["mask"][:4, 0] == kept).all()
    assert np.count_nonzero(result.notes["mask"]) == 4 * sum(kept)


@given(frames=st.integers(1, 40), length=st.integers(1, 40))
def test_runs_make_up_the_clip(frames: int, length: int) -> None:
    cut = runs(frames, length)
    assert [t for run in cut for t in range(frames)[run]] == list(range(frames))
    assert all(run.stop - run.start == length for run in cut[:-1])


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("square", {"p_init": 0}),
        ("square", {"halve_at": [0.5, 0.1]}),
        ("square", {"windows": []}),
        ("simba", {"step": 0}),
        ("simba", {"frames": 0}),
        ("greedy", {"groups": 0}),
        ("rlab", {"add": 0}),
        ("rlab", {"remove": -1}),
    ],
)
def test_a_constant_out_of_range_is_named(name: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(keys))):
        make(name, 10, **keys)
