"""The budget is hard, every clip that reaches the victim is counted, and success is decided once.

Also: coroutines held side by side share one victim call a round, and go on independently.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import BrightnessVictim, CountingVictim, DarkClips, QuadrantClips, QuadrantVictim

from video_attack.envs.game.ledger import BudgetExhausted, Ledger, run_batched
from video_attack.envs.game.mask import perturbation_norm
from video_attack.envs.game.threat import Goal


def open_account(index=0, budget=10, **kwargs):
    clip = DarkClips()[index]
    return Ledger(clip, Goal(clip.label), budget, norm=perturbation_norm, **kwargs)


def ask(ledger, sizes, log=None):
    """A greedy coroutine: asks in the given batch sizes, for ever, until it is told to stop."""
    asked = 0
    try:
        while True:
            n = sizes[asked % len(sizes)]
            answers = yield ledger, np.repeat(ledger.clip.frames[None], n, axis=0)
            asked += 1
            if log is not None:
                log.append(len(answers))
    except BudgetExhausted:
        return asked


@settings(deadline=None, max_examples=25)
@given(
    budget=st.sampled_from([1, 2, 3, 61]),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    width=st.integers(1, 5),
    coroutines=st.integers(1, 6),
)
def test_the_budget_is_never_exceeded(budget, sizes, width, coroutines):
    victim = BrightnessVictim()
    ledgers = [open_account(i, budget) for i in range(coroutines)]
    logs = [[] for _ in ledgers]
    asking = [ask(ledger, sizes, log) for ledger, log in zip(ledgers, logs, strict=True)]
    ended = dict(run_batched(victim, asking, width))
    assert sorted(ended) == list(range(coroutines))
    assert [ledger.spent for ledger in ledgers] == [budget] * coroutines
    assert victim.clips == budget * coroutines
    assert [sum(log) for log in logs] == [budget] * coroutines


def test_a_request_larger_than_the_rest_is_cut_to_its_first_clips():
    ledger = open_account(budget=5)
    clips = np.stack([np.full_like(ledger.clip.frames, i) for i in range(8)])
    assert len(ledger.reserve(clips[:2])) == 2
    assert np.array_equal(ledger.reserve(clips), clips[:3])
    assert (ledger.spent, ledger.left) == (5, 0)
    with pytest.raises(BudgetExhausted, match="all 5 queries"):
        ledger.reserve(clips[:1])
    assert ledger.spent == 5


@pytest.mark.parametrize("width", [1, 3, 8])
def test_one_victim_call_a_round(width):
    victim = CountingVictim()
    ledgers = [open_account(i, budget=4) for i in range(8)]
    list(run_batched(victim, [ask(ledger, [1]) for ledger in ledgers], width))
    assert victim.clips == 32
    assert max(victim.batches) == width
    assert victim.calls == {1: 32, 3: 12, 8: 4}[width]


@pytest.mark.parametrize("width", [1, 2, 4])
def test_each_talk_gets_the_answers_to_its_own_clips(width):
    victim = BrightnessVictim()

    def coroutine(seed):
        rng, ledger = np.random.default_rng(seed), open_account(budget=30)
        for n in rng.integers(1, 5, 6):
            clips = rng.integers(0, 256, (n, 1, 1, 1, 1)) * np.ones((8, 32, 32, 3))
            answers = yield ledger, clips.astype(np.uint8)
            assert np.array_equal(answers, victim.answer(clips.astype(np.uint8)))
        return seed

    assert sorted(run_batched(victim, map(coroutine, range(5)), width)) == [
        (i, i) for i in range(5)
    ]


def test_talks_are_started_only_when_there_is_room():
    started = []

    def coroutines():
        for i in range(6):
            started.append(i)
            yield ask(open_account(i, budget=2), [1])

    results = run_batched(CountingVictim(), coroutines(), width=2)
    next(results)
    assert len(started) <= 3


def test_a_talk_without_questions_ends_at_once():
    def silent():
        return "nothing"
        yield

    victim = CountingVictim()
    assert list(run_batched(victim, [silent(), silent()], 1)) == [(0, "nothing"), (1, "nothing")]
    assert victim.calls == 0


def test_a_width_below_one_is_refused():
    with pytest.raises(ValueError, match="width"):
        list(run_batched(CountingVictim(), [ask(open_account(), [1])], width=0))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((1, 8, 32, 32, 3), np.float32),
        np.zeros((8, 32, 32, 3), np.uint8),
        np.zeros((1, 8, 32, 31, 3), np.uint8),
        np.zeros((0, 8, 32, 32, 3), np.uint8),
    ],
    ids=["float", "no batch axis", "another size", "empty"],
)
def test_what_is_no_clip_is_refused_and_not_counted(bad):
    ledger = open_account()
    with pytest.raises(ValueError, match="a query must be uint8"):
        ledger.reserve(bad)
    assert ledger.spent == 0


def test_budget_zero_is_refused():
    with pytest.raises(ValueError, match="budget=0"):
        open_account(budget=0)


def test_success_is_judged_on_the_clip_that_passed_and_the_smallest_norm_is_kept():
    victim, ledger = BrightnessVictim(), open_account(budget=10)
    clean = ledger.clip.frames
    small, large = clean.copy(), clean.copy()
    small[4:8, 8:16, 8:16] = 200
    large[:] = 255

    def coroutine():
        for clip in (clean, large, small, large):
            request = clip[None].copy()
            yield ledger, request
            request[:] = 7  # what a coroutine does to its array afterwards changes nothing

    dict(run_batched(victim, [coroutine()]))
    assert ledger.first_success == 2
    assert np.array_equal(ledger.best, small)
    assert ledger.best_norm == perturbation_norm(clean, small)
    assert ledger.best_scores.argmax() == 1
    assert ledger.clean_scores.argmax() == 0


def test_success_in_a_batch_is_numbered_by_its_place():
    ledger = open_account(budget=10)
    clips = np.repeat(ledger.clip.frames[None], 6, axis=0)
    clips[4] = 255

    def coroutine():
        yield ledger, clips[:1]
        yield ledger, clips

    dict(run_batched(BrightnessVictim(), [coroutine()]))
    assert ledger.first_success == 6


@pytest.mark.parametrize(
    ("answers", "k", "shown"), [("scores", 5, 6), ("topk", 2, 2), ("label", 5, 1)]
)
def test_only_what_the_threat_model_allows_is_answered(answers, k, shown):
    clip = QuadrantClips()[3]
    ledger = Ledger(clip, Goal(3), 5, norm=perturbation_norm, feedback=answers, top_k=k)
    seen = []

    def coroutine():
        seen.append((yield ledger, clip.frames[None]))

    dict(run_batched(QuadrantVictim(), [coroutine()]))
    (answer,) = seen[0]
    assert (answer > 0).sum() == shown
    assert answer.argmax() == 3
    assert (ledger.clean_scores > 0).all(), "the record keeps all scores, whatever is shown"


def test_an_attacker_cannot_write_into_the_record():
    ledger = open_account(budget=3)
    bright = np.full_like(ledger.clip.frames[None], 255)

    def coroutine():
        for request in (ledger.clip.frames[None], bright):
            answer = yield ledger, request
            if answer.flags.writeable:
                answer[:] = 0

    dict(run_batched(BrightnessVictim(), [coroutine()]))
    assert ledger.clean_scores.sum() == pytest.approx(1)
    assert ledger.best_scores.sum() == pytest.approx(1)
