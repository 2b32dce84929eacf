"""Attack: one interface for the learned agents and every competitor.

An attack only proposes clips. This base class passes them through the ledger, which counts, bounds
and decides, so that no attack can cheat.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.bound import Bound, BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.episode import choose_goal, open_ledger
from video_attack.envs.game.ledger import BudgetExhausted, Ledger, Talk, converse
from video_attack.envs.game.palette import Distort, distorted_draws
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Scores, Victim

Proposals = Generator[Frames, Scores, None]


@dataclass(frozen=True)
class Rules:
    """What all attacks of one comparison share.

    Attributes:
        game: budget, clean-up, norm, target.
        distort: the distortion, (clip, severity, rng) -> clip.
        severity: 1 to 5.
        classes: number of classes of the victim.
        frames: frames of a clip.
        eps: the bound, no value of a clip moves by more than so many levels of 0-255; None: the
            bound is the distortion, each value lies between the clean and the distorted clips.
    """

    game: GameConfig
    distort: Distort
    severity: int
    classes: int
    frames: int
    bound: BoundConfig = field(default_factory=BoundConfig)

    @property
    def eps(self) -> int | None:
        """The Linf bound in levels, or None."""
        return self.bound.eps


@dataclass
class Task:
    """What an attack is given for one clip.

    Attributes:
        ledger: the account; to be read (`left`, `goal`, `best_norm`), it opens no way to the victim.
        clean: what the attacker saw of the clean clip's scores, (C,).
        distorted: the distorted versions of the clip, the same for all attacks.
        bound: where clips may lie; what is proposed outside of it is moved into it.
        rng: this clip's own random numbers.
        notes: what the attack leaves for pictures, for example mask and sensitivity (T, G, G).
        reward: the sum of the game's shared rewards; None where the game is not played.
    """

    ledger: Ledger
    clean: NDArray[np.float32]
    distorted: list[Frames]
    bound: Bound
    rng: np.random.Generator
    notes: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    reward: float | None = None


@dataclass(frozen=True)
class AttackResult:
    """Outcome on one clip.

    Attributes:
        attacked: False when the victim got the clean clip wrong (or it is of the target class).
        ledger: the closed account: queries, first success, best clip and its scores.
        notes: see Task.
        reward: see Task.
    """

    attacked: bool
    ledger: Ledger
    notes: dict[str, NDArray[np.float32]]
    reward: float | None = None


class Attack(ABC):
    """A method; a subclass writes `moves` and takes its own constants after `rules`.

    Attributes:
        name: how tables call it.
    """

    name: str

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    @abstractmethod
    def moves(self, task: Task) -> Proposals:
        """Yield uint8 clips (N, T, H, W, 3) to ask about; receive what may be seen of the scores.

        Ends by returning. Is stopped when the budget is spent or the clean-up after a success is
        over, be it in the middle of a request, of which the last clips then remain unanswered.
        """

    def run(self, victim: Victim, clip: Clip, seed: int = 0) -> AttackResult:
        """Attack one clip."""
        return next(iter(self.run_many(victim, [clip], seed)))[1]

    def run_many(
        self, victim: Victim, clips: Iterable[Clip], seed: int = 0, width: int = 1
    ) -> Iterator[tuple[int, AttackResult]]:
        """Attack clips, `width` side by side; yields (number, result) as each ends.

        A clip's result depends on its own id and the seed, not on its neighbours.
        """
        return converse(victim, (self._talk(victim, clip, seed) for clip in clips), width)

    def _talk(self, victim: Victim, clip: Clip, seed: int) -> Talk[AttackResult]:
        rng = np.random.default_rng([seed, zlib.crc32(clip.id.encode())])
        game = self.rules.game
        goal = choose_goal(clip.label, self.rules.classes, game.target, rng)
        ledger = open_ledger(clip, goal or Goal(clip.label), game, victim)
        clean = (yield ledger, clip.frames[None])[0]
        assert ledger.clean_scores is not None  # settled with the answer just above
        if goal is None or int(np.argmax(ledger.clean_scores)) != clip.label:
            return AttackResult(False, ledger, {})
        task = self._task(ledger, clean, rng)
        moves = self.moves(task)
        try:
            request = next(moves)
            while True:
                answers = []
                for frames in task.bound.project(request):  # one by one: none is asked too many
                    answers.append((yield ledger, frames[None])[0])
                    if self._over(ledger):
                        break
                request = moves.send(np.stack(answers))
                if self._over(ledger):
                    break
        except (StopIteration, BudgetExhausted):
            pass
        moves.close()
        return AttackResult(True, ledger, task.notes, task.reward)

    def _over(self, ledger: Ledger) -> bool:
        return ledger.cleaned_up(self.rules.game.cleanup) or not ledger.left

    def _task(self, ledger: Ledger, clean: NDArray[np.float32], rng: np.random.Generator) -> Task:
        rules, frames = self.rules, ledger.clip.frames
        distorted = distorted_draws(rules.distort, frames, rules.severity, rules.game.draws, rng)
        return Task(ledger, clean, distorted, rules.bound.around(frames, distorted), rng)
