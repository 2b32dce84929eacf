"""Ledger: the one door to the victim. It counts every clip, keeps the budget and decides success."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

import numpy as np

from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.config import ALL
from video_attack.envs.game.threat import Goal, check_feedback, visible
from video_attack.envs.metrics.norms import sizes
from video_attack.envs.victims.base import Scores, Victim


class BudgetExhausted(RuntimeError):  # noqa: N818 - a signal to stop, not a fault
    """A query was asked for after the last one of the budget."""


class Ledger:
    """The account of one attacked clip.

    Attributes:
        clip: the clean clip.
        goal: what counts as success.
        budget: the most clips that may pass; the clean one is among them.
        spent: clips that have passed so far, whatever they were for.
        first_success: number of the query that first reached the goal, or None.
        best: the successful clip of the smallest norm so far, or None.
        best_norm: its norm.
        best_scores: the victim's full scores of it (for the record, not for the attacker).
        curves: for each norm of `envs.metrics.norms.sizes`, every improvement of its least value over
            all successes so far, as (query, norm); each norm on its own, whichever `best` keeps.
        clean_scores: the victim's full scores of the clean clip, once it has passed.
    """

    def __init__(
        self,
        clip: Clip,
        goal: Goal,
        budget: int,
        *,
        norm: Callable[[Frames, Frames], float],
        feedback: str = "scores",
        top_k: int = 5,
    ) -> None:
        if budget < 1:
            raise ValueError(f"budget={budget}: must be at least 1")
        check_feedback(feedback, top_k)
        self.clip, self.goal, self.budget = clip, goal, budget
        self._norm, self._feedback, self._top_k = norm, feedback, top_k
        self.spent = 0
        self.first_success: int | None = None
        self.best: Frames | None = None
        self.best_norm = float("inf")
        self.best_scores: Scores | None = None
        self.curves: dict[str, list[tuple[int, float]]] = {}
        self.clean_scores: Scores | None = None

    @property
    def left(self) -> int:
        """Queries that may still be asked."""
        return self.budget - self.spent

    def cleaned_up(self, queries: int | str) -> bool:
        """Whether a success was met, and so many queries were spent since; never, of `all`."""
        return (
            queries != ALL
            and self.first_success is not None
            and self.spent - self.first_success >= int(queries)
        )

    def reserve(self, clips: Frames) -> Frames:
        """Count uint8 clips (N, T, H, W, 3) and return those that may pass: the first `left` ones.

        Raises:
            BudgetExhausted: nothing is left.
            ValueError: not uint8, or not of the clean clip's shape.
        """
        if clips.dtype != np.uint8 or clips.shape[1:] != self.clip.frames.shape or not len(clips):
            raise ValueError(
                f"a query must be uint8 (N, {', '.join(map(str, self.clip.frames.shape))}), "
                f"not {clips.dtype} {clips.shape}"
            )
        if self.left == 0:
            raise BudgetExhausted(f"clip {self.clip.id!r}: all {self.budget} queries are spent")
        passed = clips[: self.left]
        self.spent += len(passed)
        return passed

    def judge(self, clips: Frames, scores: Scores) -> Scores:
        """Judge reserved clips by the victim's scores (N, C) and return what the attacker may see."""
        first = self.spent - len(clips) + 1
        for number, (frames, row) in enumerate(zip(clips, scores, strict=True), start=first):
            if number == 1:
                self.clean_scores = row.copy()
            if self.goal.reached(row):
                self._note_success(number, frames, row)
        # A copy: what the attacker does with its answer must not reach the account.
        return visible(scores, self._feedback, self._top_k).copy()

    def _note_success(self, number: int, frames: Frames, scores: Scores) -> None:
        if self.first_success is None:
            self.first_success = number
        for name, size in sizes(self.clip.frames, frames).items():
            curve = self.curves.setdefault(name, [])
            if not curve or size < curve[-1][1]:
                curve.append((number, size))
        norm = self._norm(self.clip.frames, frames)
        if norm < self.best_norm:
            self.best, self.best_norm, self.best_scores = frames.copy(), norm, scores.copy()


R = TypeVar("R")
# A coroutine asks by yielding (ledger, clips), is sent the answers (N', C), and returns its result.
QueryCoroutine = Generator[tuple[Ledger, Frames], Scores, R]


def run_batched(
    victim: Victim, coroutines: Iterable[QueryCoroutine[R]], width: int = 1
) -> Iterator[tuple[int, R]]:
    """Hold up to `width` coroutines side by side; each round is **one** batched victim call.

    Yields (number of the coroutine, its result) as each ends. This is the only place where clips
    reach a victim. A coroutine that asks with nothing left gets BudgetExhausted thrown into it.
    """
    if width < 1:
        raise ValueError(f"width={width}: at least one coroutine must be held at a time")
    waiting = enumerate(coroutines)
    active: list[tuple[int, QueryCoroutine[R], Ledger, Frames]] = []
    exhausted = False
    while True:
        while not exhausted and len(active) < width:
            started = next(waiting, None)
            if started is None:
                exhausted = True
                break
            yield from _advance(*started, None, active)
        if not active:
            return
        round_, active = active, []
        scores = victim.scores(np.concatenate([clips for *_, clips in round_]))
        start = 0
        for number, coroutine, ledger, clips in round_:
            answers = ledger.judge(clips, scores[start : start + len(clips)])
            start += len(clips)
            yield from _advance(number, coroutine, answers, active)


def _advance(
    number: int,
    coroutine: QueryCoroutine[R],
    answers: Scores | None,
    active: list[tuple[int, QueryCoroutine[R], Ledger, Frames]],
) -> Iterator[tuple[int, R]]:
    """Let one coroutine go on to its next request (queued in `active`) or to its result (yielded)."""
    try:
        ledger, clips = next(coroutine) if answers is None else coroutine.send(answers)
        while True:
            try:
                active.append((number, coroutine, ledger, ledger.reserve(clips)))
                return
            except BudgetExhausted as stop:
                ledger, clips = coroutine.throw(stop)
    except StopIteration as end:
        yield number, end.value
