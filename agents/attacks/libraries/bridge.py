"""A library's attack, which calls its model itself, as a generator of proposals."""

import queue
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from video_attack.agents.attacks.base import Proposals
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores

Ask = Callable[[Frames], Scores]


class Stopped(BaseException):
    """The attack's queries are spent, or it is no longer wanted."""


def proposals(work: Callable[[Ask], None], seed: int) -> Proposals:
    """Yield what `work(ask)` asks about, and let `ask` return what is sent.

    `work` runs in a thread of its own, but never beside the caller: one of the two always waits for
    the other. While it runs, the global random numbers of Python, NumPy and PyTorch are its own, begun at
    `seed`: libraries draw from these, and clips that are attacked side by side must not share them.

    Raises:
        Exception: whatever `work` raises.
    """
    asked: queue.SimpleQueue[Frames | BaseException | None] = queue.SimpleQueue()
    answered: queue.SimpleQueue[Scores | None] = queue.SimpleQueue()
    dice = _Dice(seed)

    def ask(clips: Frames) -> Scores:
        asked.put(clips)
        answer = answered.get()
        if answer is None:
            raise Stopped
        return answer

    def run() -> None:
        end: BaseException | None = None
        try:
            if answered.get() is not None:
                work(ask)
        except Stopped:
            pass
        except BaseException as error:  # handed on to the caller, whatever it is
            end = error
        asked.put(end)

    worker = threading.Thread(target=run, name="library attack", daemon=True)
    worker.start()
    answer: Scores | None = np.zeros((0, 0), np.float32)  # begin
    try:
        while True:
            with dice.thrown():
                answered.put(answer)
                request = asked.get()
            answer = None
            if request is None:
                return
            if isinstance(request, BaseException):
                raise request
            answer = yield request
            if len(answer) < len(request):  # the last queries: what is missing was not asked
                return
    finally:
        while worker.is_alive():
            with dice.thrown():
                answered.put(None)
                worker.join(timeout=0.1)


class _Dice:
    """Global random numbers that belong to one attack on one clip."""

    def __init__(self, seed: int) -> None:
        outer = _states()
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self.mine = _states()
        _put(outer)

    @contextmanager
    def thrown(self) -> Iterator[None]:
        """Make them the process's for a while."""
        outer = _states()
        _put(self.mine)
        np.random.RandomState = _Drawn  # type: ignore[misc] # some of ART's attacks make one without a seed
        try:
            yield
        finally:
            np.random.RandomState = _Drawn.__base__  # type: ignore[misc,assignment]
            self.mine = _states()
            _put(outer)


class _Drawn(np.random.RandomState):
    """Numbers whose seed, if none is given, is drawn from the global ones, not from the machine's noise."""

    def __init__(self, seed: Any = None) -> None:
        super().__init__(np.random.randint(2**31) if seed is None else seed)


def _states() -> tuple[Any, Any, torch.Tensor]:
    return random.getstate(), np.random.get_state(), torch.random.get_rng_state()


def _put(states: tuple[Any, Any, torch.Tensor]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.random.set_rng_state(states[2])
