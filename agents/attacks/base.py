"""Attack: one interface for the learned agents and every competitor.

An attack only proposes clips. This base class passes them through the ledger, which counts, bounds
and decides, so that no attack can cheat.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.cleanup import changed_cells, clean_up
from video_attack.agents.attacks.queries import Queries
from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.bound import Bound, BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.episode import choose_goal
from video_attack.envs.game.ledger import BudgetExhausted, Ledger, QueryCoroutine, run_batched
from video_attack.envs.game.opening import open_clip
from video_attack.envs.game.palette import Distort, distorted_variants
from video_attack.envs.metrics.norms import sizes
from video_attack.envs.victims.base import Victim

Proposals = Queries[None]


@dataclass(frozen=True)
class ThreatModel:
    """What all attacks of one comparison share.

    Attributes:
        game: budget, clean-up, norm, target.
        distort: the distortion, (clip, severity, rng) -> clip.
        severity: 1 to 5.
        classes: number of classes of the victim.
        frames: frames of a clip.
        bound: where attacked clips may lie.
        margin: how far past the boundary a success must be, in nats; see `Goal.beyond`.
        trust: what a policy's file names may be run, though it is no component of this project.
    """

    game: GameConfig
    distort: Distort
    severity: int
    classes: int
    frames: int
    bound: BoundConfig = field(default_factory=BoundConfig)
    margin: float = 0.0
    trust: bool = False


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
        full: norms (see `video_attack.envs.metrics.norms.sizes`) of the largest change that the bound admits.
    """

    attacked: bool
    ledger: Ledger
    notes: dict[str, NDArray[np.float32]]
    reward: float | None = None
    full: dict[str, float] = field(default_factory=dict)


class Attack(ABC):
    """A method; a subclass writes `moves` and takes its own constants after `threat_model`.

    Attributes:
        name: how tables call it.
        shrinks: whether `moves` goes on after the first success by itself, to make the change smaller.
            If not, it is stopped there. Either way `clean_up` takes what `env.cleanup` has left.
    """

    name: str
    shrinks: bool = True

    def __init__(self, threat_model: ThreatModel) -> None:
        self.threat_model = threat_model

    @abstractmethod
    def moves(self, task: Task) -> Proposals:
        """Yield uint8 clips (N, T, H, W, 3) to ask about; receive what may be seen of the scores.

        Ends by returning. Is stopped when the budget is spent, the clean-up after a success is over,
        or at the success if it does not shrink by itself, be it in the middle of a request, of which
        the last clips then remain unanswered.
        """

    def prepare(self, victim: Victim) -> None:  # noqa: B027 - most need not know it
        """Look at the victim before the first clip; raises where this attack must not have it.

        For refusing it, and for the white-box yardstick. A black-box attack takes nothing from it.
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
        self.prepare(victim)
        return run_batched(victim, (self._coroutine(victim, clip, seed) for clip in clips), width)

    def _coroutine(self, victim: Victim, clip: Clip, seed: int) -> QueryCoroutine[AttackResult]:
        rng = np.random.default_rng([seed, zlib.crc32(clip.id.encode())])
        game = self.threat_model.game
        goal = choose_goal(clip.label, self.threat_model.classes, game.target, rng)
        margin = self.threat_model.margin
        ledger, clean, right = yield from open_clip(clip, goal, game, victim, margin)
        if goal is None or not right:
            return AttackResult(False, ledger, {})
        task = self._task(ledger, clean, rng)
        yield from self._hold(task, self.moves(task), self.shrinks)
        first = ledger.best
        if first is not None and not self._over(ledger):
            yield from self._hold(task, clean_up(ledger, task.bound, rng), True)
            if ledger.best is not None and ledger.best is not first:
                task.notes["mask"] = changed_cells(ledger.best, task.bound, game.grid)
        full = sizes(clip.frames, task.bound.farthest())
        return AttackResult(True, ledger, task.notes, task.reward, full)

    def _hold(self, task: Task, moves: Proposals, shrinks: bool) -> QueryCoroutine[None]:
        """Ask about what is proposed, until it ends or must: see `moves`."""
        ledger = task.ledger

        def over() -> bool:
            return self._over(ledger) or not (shrinks or ledger.first_success is None)

        try:
            request = next(moves)
            while True:
                answers = []
                for frames in task.bound.project(request):  # one by one: none is asked too many
                    answers.append((yield ledger, frames[None])[0])
                    if over():
                        break
                request = moves.send(np.stack(answers))
                if over():
                    break
        except (StopIteration, BudgetExhausted):
            pass
        moves.close()

    def _over(self, ledger: Ledger) -> bool:
        return ledger.cleaned_up(self.threat_model.game.cleanup) or not ledger.left

    def _task(self, ledger: Ledger, clean: NDArray[np.float32], rng: np.random.Generator) -> Task:
        threat_model, frames = self.threat_model, ledger.clip.frames
        distorted = distorted_variants(
            threat_model.distort, frames, threat_model.severity, threat_model.game.variants, rng
        )
        return Task(ledger, clean, distorted, threat_model.bound.around(frames, distorted), rng)
