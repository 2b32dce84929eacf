"""Protects the clean-up that all attacks share: it never spends more than it may, never leaves the bound,
never makes the best success worse, asks the same whatever is answered besides the label, and follows
whoever has no way of its own; and the curves of norm against queries, which only ever fall."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack_toys import BOUNDS, LinearVictim, darken, grey_clip, rules, shipped
from tests.toys import BrightnessVictim, DarkClips
from tests.whitebox_toys import Linear, held, linear_rules
from video_attack.agents.attacks.base import Attack, AttackResult, Proposals, Task
from video_attack.agents.attacks.play.play_attack import PlayAttack
from video_attack.agents.core.build import build, locate
from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.config import ALL, GameConfig
from video_attack.envs.game.ledger import Ledger, run_batched
from video_attack.envs.game.mask import perturbation_norm
from video_attack.envs.game.threat import Goal
from video_attack.envs.metrics.norms import norms, sizes
from video_attack.envs.victims.base import Scores

CONF = Path(__file__).parents[1] / "conf/attack"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "none")  # no attack
# They play the game of a policy or of chance, need gradients (see below), or a library that may be missing.
UNLIKE = ("marl", "random", "outside", "whitebox", "art", "foolbox")
# Of the linear victim's total norms, those whose least value the ledger follows under each env.norm.
FOLLOWED = {"l2": "l2", "l1": "map", "l0": "l0_pixels", "linf": "linf"}


class Meter(LinearVictim):
    """Keeps every clip that it is asked about."""

    def __init__(self, feedback: str = "scores", **keys: Any) -> None:
        super().__init__(**keys)
        self.feedback, self.seen = feedback, []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)


class Corner(Attack):
    """Proposes random corners of the bound for ever."""

    name = "corner"
    shrinks = False

    def moves(self, task: Task) -> Proposals:
        while True:
            theta = task.rng.choice([task.bound.low, 1.0], (4, 4, 4, 3)).repeat(2, 0)
            yield task.bound.render(theta.repeat(8, 1).repeat(8, 2))[None]


class Ends(Corner):
    """The same, but says that it goes on by itself, and then ends."""

    shrinks = True

    def moves(self, task: Task) -> Proposals:
        for proposal in super().moves(task):
            answers = yield proposal
            if task.ledger.goal.reached(answers[0]):
                return


def attack(
    method: type[Attack] = Corner, budget: int = 200, eps: int | None = 10, seed: int = 0,
    victim: Meter | None = None, **game: Any,
) -> tuple[Meter, AttackResult]:  # fmt: skip
    victim = victim or Meter(share=0.02)
    return victim, method(rules(budget, eps, **game)).run(victim, grey_clip(), seed)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    cleanup=st.sampled_from([0, 1, 7, 60, ALL]),
    budget=st.sampled_from([2, 30, 150]),
    eps=st.sampled_from([10, None]),
    norm=st.sampled_from(sorted(FOLLOWED)),
    method=st.sampled_from([Corner, Ends]),
)
def test_it_keeps_to_its_queries_and_to_the_bound_and_never_gets_worse(
    seed, cleanup, budget, eps, norm, method
):
    first = attack(method, budget, eps, seed, cleanup=0, norm=norm)[1].ledger
    victim, result = attack(method, budget, eps, seed, cleanup=cleanup, norm=norm)
    ledger, clean = result.ledger, grey_clip().frames
    assert victim.clips == ledger.spent <= budget
    assert ledger.first_success == first.first_success
    bound = Bound.linf(clean, eps) if eps else Bound.between(clean, [darken(clean, 5, None)])
    for frames in victim.seen:
        assert frames.dtype == np.uint8 and np.array_equal(bound.project(frames), frames)
    if ledger.best is None:
        assert ledger.spent == budget
        return
    if cleanup != ALL:
        assert ledger.spent <= ledger.first_success + cleanup
    assert ledger.best_norm <= first.best_norm
    assert victim.answer(ledger.best[None])[0].argmax() != 0
    before, after = norms(clean, first.best), norms(clean, ledger.best)
    for name in ("l2", "linf", "l0_pixels", "map"):
        assert after[name] <= before[name]
        queries, values = zip(*ledger.curves[name], strict=True)
        assert list(queries) == sorted(set(queries)) and queries[0] == ledger.first_success
        assert queries[-1] <= ledger.spent and all(np.diff(values) < 0)
        assert values[-1] <= after[name]
    assert ledger.curves[FOLLOWED[norm]][-1][1] == pytest.approx(after[FOLLOWED[norm]], rel=1e-6)


def test_it_makes_a_corner_much_smaller_and_shows_where():
    _, plain = attack(cleanup=0)
    _, some = attack(cleanup=20)
    _, result = attack(cleanup=ALL)
    ledger = result.ledger
    assert ledger.best_norm < 0.5 * plain.ledger.best_norm
    assert ledger.best_norm < some.ledger.best_norm < plain.ledger.best_norm
    change = np.abs(ledger.best.astype(float) - grey_clip().frames) / 10
    cells = change.reshape(8, 4, 8, 4, 8, 3).mean((2, 4, 5))
    assert np.allclose(result.notes["mask"], cells, atol=1e-6)


@pytest.mark.parametrize("method", [Corner, Ends])
def test_a_label_is_all_that_it_needs(method):
    asked = [
        attack(method, cleanup=80, victim=Meter(a, share=0.02))[0].seen for a in ("scores", "label")
    ]
    assert len(asked[0]) > 80 and np.array_equal(*asked)


def test_a_method_that_shrinks_by_itself_is_let_go_on_and_followed():
    class Own(Ends):
        def moves(self, task):
            yield from super().moves(task)
            for light in (9, 8):
                yield np.full_like(task.ledger.clip.frames, light)[None]

    victim, result = attack(Own, cleanup=30)
    first = result.ledger.first_success
    for place, light in ((first, 9), (first + 1, 8)):
        clip = grey_clip().frames
        own = Bound.linf(clip, 10).project(np.full_like(clip, light)[None])[0]
        assert np.array_equal(victim.seen[place], own)
    assert result.ledger.spent == first + 30


def test_one_that_does_not_is_stopped_in_the_middle_of_a_request():
    class Batch(Attack):
        name, shrinks = "batch", False

        def moves(self, task):
            yield np.full((8, *task.ledger.clip.frames.shape), 255, np.uint8)

    ledger = (
        Batch(rules(budget=60, eps=200, cleanup=0)).run(BrightnessVictim(), DarkClips()[0]).ledger
    )
    assert ledger.first_success == ledger.spent == 2


def test_a_change_of_one_level_of_one_pixel_ends_it():
    least = int(grey_clip().frames[3, 20, 20, 1]) + 1

    class Pixel(Meter):
        def total(self, clips):
            return np.where(clips[:, 3, 20, 20, 1] >= least, -1.0, 1.0)

    class One(Attack):
        name, shrinks = "one", False

        def moves(self, task):
            clip = task.ledger.clip.frames.copy()
            clip[3, 20, 20, 1] = least
            yield clip[None]

    _, result = attack(One, 100, 200, victim=Pixel(), cleanup=ALL)
    assert result.ledger.spent == 2 and result.ledger.best[3, 20, 20, 1] == least


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_says_whether_it_shrinks(name):
    """An attack that goes on without making the change smaller wastes what the clean-up may spend."""
    method = locate(yaml.safe_load((CONF / f"{name}.yaml").read_text())["_target_"])
    stated = [c for c in method.__mro__ if "shrinks" in vars(c) and c is not Attack]
    assert stated or issubclass(method, PlayAttack)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in UNLIKE])
def test_every_attack_is_cleaned_up(name):
    victim = Meter("label" if name in ("heuristic", "stde") else "scores", share=0.1)
    ledger = (
        build("attack", shipped(name), rules(300, 10, cleanup=20)).run(victim, grey_clip()).ledger
    )
    assert victim.clips == ledger.spent
    if ledger.best is not None:
        assert ledger.spent == min(ledger.first_success + 20, 300)


def test_the_yardstick_is_cleaned_up_too():
    victim = Linear()
    attack = build("attack", shipped("whitebox"), linear_rules(300, BOUNDS["linf"], cleanup=20))
    ledger = attack.run(victim, held(victim)).ledger
    assert ledger.spent == ledger.first_success + 20


@pytest.mark.parametrize("cleanup", [-1, "some", "5", 1.5])
def test_another_clean_up_is_refused(cleanup):
    with pytest.raises(ValueError, match=r"env\.cleanup=.*write a number of queries"):
        GameConfig(cleanup=cleanup)


@given(seed=st.integers(0, 999), tall=st.integers(1, 5))
def test_the_ledgers_sizes_are_those_of_the_metrics(seed, tall):
    rng = np.random.default_rng(seed)
    one, two = rng.integers(0, 256, (2, 3, tall, 4, 3), np.uint8)
    two[rng.random((3, tall, 4)) < 0.5] = 0
    for a, b in ((one, two), (one, one)):
        delta = b.astype(float) - a
        found = sizes(a, b)
        assert found["l2"] == pytest.approx(np.linalg.norm(delta) / 255)
        assert found["linf"] == np.abs(delta).max() / 255
        assert found["map"] == pytest.approx(np.abs(delta).mean())
        assert found["l0_pixels"] == pytest.approx(delta.any(-1).mean())


# The margin


@pytest.mark.parametrize(("beyond", "levels"), [(0.0, 1), (0.5, 2), (8.0, None)])
def test_a_success_must_lie_so_far_past_the_boundary(beyond, levels):
    victim = LinearVictim(share=0.1)
    clean = grey_clip().frames
    clips = [clean]
    for step in range(1, 11):
        moved = clean - step * np.sign(victim.weights)
        clips.append(np.clip(moved, 0, 255).astype(np.uint8))
    gaps = [-Goal(0).gap(row) for row in victim.answer(np.stack(clips))]
    first = next((n for n, gap in enumerate(gaps) if gap > 0 and gap >= beyond), None)
    ledger = Ledger(grey_clip(), Goal(0, None, beyond), 20, norm=perturbation_norm)

    def coroutine():
        for clip in clips:
            yield ledger, clip[None]

    list(run_batched(victim, [coroutine()]))
    assert ledger.first_success == (None if first is None else first + 1)
    assert (first is None) == (levels is None)


@settings(max_examples=20, deadline=None)
@given(beyond=st.floats(0, 3), seed=st.integers(0, 99))
def test_every_success_of_an_attack_keeps_the_margin(beyond, seed):
    given = rules(200, 10, cleanup=30)
    victim = Meter(share=0.02)
    method = Corner(type(given)(**{**vars(given), "margin": beyond}))
    ledger = method.run(victim, grey_clip(), seed).ledger
    if ledger.best_scores is not None:
        assert -Goal(0).gap(ledger.best_scores) >= beyond
        assert ledger.goal.plain == Goal(0)


def test_a_margin_below_zero_is_refused():
    with pytest.raises(ValueError, match="margin=-1"):
        Goal(0, None, -1.0)


def test_the_largest_change_of_a_bound():
    clip = Clip(np.array([0, 128, 255], np.uint8).reshape(1, 1, 1, 3), 0, "x")
    assert Bound.linf(clip.frames, 10).farthest().ravel().tolist() == [10, 118, 245]
    dark = darken(clip.frames, 5, None)
    assert np.array_equal(Bound.between(clip.frames, [dark]).farthest(), dark)
