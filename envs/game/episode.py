"""Episode: the game on one clip, without a victim: moves in, a clip out; answers in, rewards out."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Clip, Frames, check_frames
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.ledger import Ledger
from video_attack.envs.game.mask import Box, MaskedClip, perturbation_norm
from video_attack.envs.game.moves import Move, Moves
from video_attack.envs.game.observation import SensitivityMemory, joint_state, look, observe
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Victim

AGENTS = ("spatial", "temporal")
Distort = Callable[..., Frames]


def choose_goal(label: int, classes: int, target: str, rng: np.random.Generator) -> Goal | None:
    """The goal for a clip: `none` (any other class), `random` (another class) or a class index.

    None when the clip is of the target class already, so that there is nothing to attack.
    """
    if target == "none":
        return Goal(label)
    if target == "random":
        return Goal(label, int((label + 1 + rng.integers(classes - 1)) % classes))
    if int(target) >= classes:
        raise ValueError(f"env.target={target}: the victim has classes 0 to {classes - 1}")
    return Goal(label, int(target)) if int(target) != label else None


def open_ledger(clip: Clip, goal: Goal, config: GameConfig, victim: Victim) -> Ledger:
    """A ledger for a clip under the rules of the game, which shows what the victim answers."""
    norm = functools.partial(perturbation_norm, norm=config.norm)
    return Ledger(
        clip, goal, config.budget, norm=norm, answers=victim.answers, top_k=victim.top_k
    )  # fmt: skip


def distorted_draws(
    distort: Distort, frames: Frames, severity: int, draws: int, rng: np.random.Generator
) -> list[Frames]:
    """`draws` distorted versions of a clip, checked.

    A distortion that takes `draw` is told which one it makes.

    Raises:
        ValueError: the distortion returned something else than a uint8 clip of the same shape.
    """
    try:
        numbered = "draw" in inspect.signature(distort).parameters
    except ValueError:  # some callables written in C do not tell
        numbered = False
    results = []
    for draw in range(draws):
        extra = {"draw": draw} if numbered else {}
        # A copy, since a filter may work in place.
        result = distort(frames.copy(), severity, rng, **extra)
        check_frames(result, name="the distortion's answer")
        if result.shape != frames.shape:
            raise ValueError(f"the distortion turned a clip {frames.shape} into {result.shape}")
        results.append(result)
    return results


class Episode:
    """The game on one clip that the victim gets right.

    Args:
        ledger: the clip's account, after its clean query.
        clean: what the attacker saw of the clean clip's scores, (C,).
        distorted: the distorted clips to choose from (`draws` of them).
        config: the rules.
        moves: the meaning of actions, for clips of this length.
        rng: draws the cells of boxes that are painted in part.

    Attributes:
        masked: the clip as it stands and its mask.
        memory: the sensitivity memory.
        margin: the present margin in [-1, 1]; see `Goal.margin`.
        insists: from the next move on, whatever the rules' `keep`, a move stays only if it lowers
            the margin, at any norm; once flipped, only if it lowers the norm of a success.
    """

    def __init__(
        self,
        ledger: Ledger,
        clean: NDArray[np.float32],
        distorted: list[Frames],
        config: GameConfig,
        moves: Moves,
        rng: np.random.Generator,
    ) -> None:
        if len(ledger.clip.frames) != moves.frames:
            raise ValueError(
                f"clip {ledger.clip.id!r} has {len(ledger.clip.frames)} frames, the game {moves.frames}: "
                "cut all clips with the victim's sampling"
            )
        self.ledger, self.config, self.moves, self._rng = ledger, config, moves, rng
        self.masked = MaskedClip(
            ledger.clip.frames, distorted, config.grid, config.levels, config.norm
        )
        self.sight = look(self.masked)
        self.memory = SensitivityMemory(self.masked.level.shape)
        self._scale = max(self.masked.full_norm(), 1e-9)
        self.scores = clean
        self.margin = self._lowest = ledger.goal.margin(clean)
        self._last_drop, self._norm, self._flicker = 0.0, 0.0, 0.0
        self._move = Move(None, 0, 0, None)
        self._before = self.masked.snapshot()  # what a move that is taken back goes back to
        self._added = self._taken = np.zeros(self.masked.level.shape, bool)
        self._was_flipped = False
        self.insists = False

    def begin(self, actions: dict[str, Any]) -> Frames:
        """Make the move of both agents' actions; see `make`."""
        if set(actions) != set(AGENTS):
            raise ValueError(
                f"actions for {sorted(actions)}: give one for each of {', '.join(AGENTS)}"
            )
        return self.make(self.moves.decode(*(actions[agent] for agent in AGENTS)))

    def make(self, move: Move) -> Frames:
        """Make a move; returns the clip to be asked about, (1, T, H, W, 3)."""
        level, draw = self.masked.level.copy(), self.masked.draw.copy()
        if self._takes_back:
            self._before = self.masked.snapshot()
        if move.undo is not None:
            self.masked.paint(move.undo, 0, chosen=self._chosen(move.undo, move.undo_one_in))
        if move.add is not None:
            chosen = self._chosen(move.add, move.add_one_in)
            self.masked.paint(move.add, move.level, move.draw, chosen)
        self._move = move
        redrawn = (self.masked.level == level) & (self.masked.draw != draw)
        self._added = (self.masked.level > level) | redrawn
        self._taken = self.masked.level < level
        return self.masked.frames[None]

    def finish(self, answer: NDArray[np.float32]) -> float:
        """Take the victim's visible scores (C,) of that clip; returns the shared reward.

        Reward: margin * drop of the margin (down to 0, the flip) + flip * (first success)
        - norm * growth of the norm (as a share of the wholly distorted clip's, to `power`)
        - flicker * growth of the mask's mean change between neighbouring frames - query.
        With `keep: paying` a move is taken back, and costs the query only, unless the rest of its
        reward is above 0, it is the first success, or the answer says nothing (no drop at all, as
        of a label-only victim); once flipped, also if the clip would no longer be a success. With
        `insists` its own measure takes the reward's place.
        """
        weights = self.config.reward
        margin = self.ledger.goal.margin(answer)
        norm = (self.masked.norm() / self._scale) ** weights.power
        mask = self.masked.mask
        flicker = float(np.abs(mask[1:] - mask[:-1]).mean()) if len(mask) > 1 else 0.0
        drop = self.margin - margin
        newly_flipped = self.flipped and not self._was_flipped
        gain = (
            weights.margin * (max(self.margin, 0.0) - max(margin, 0.0))
            + weights.flip * newly_flipped
            - weights.norm * (norm - self._norm)
            - weights.flicker * (flicker - self._flicker)
        )
        worth = gain
        if self.insists:
            worth = self._norm - norm if self._was_flipped else drop
        pays = worth > 0 or newly_flipped or (drop == 0 and not self._was_flipped)
        undone = self._was_flipped and not self.ledger.goal.reached(answer)
        self.memory.credit(self._added, self._taken, drop)
        self._last_drop, self._lowest = drop, min(self._lowest, margin)
        self._was_flipped = self.flipped
        if self._takes_back and (undone or not pays):
            self.masked.restore(self._before)
            return -weights.query
        self.scores, self.margin, self._norm, self._flicker = answer, margin, norm, flicker
        return float(gain - weights.query)

    @property
    def idle(self) -> bool:
        """Whether the move just made changed nothing."""
        return not (self._added | self._taken).any()

    @property
    def flipped(self) -> bool:
        """Whether some clip of this episode reached the goal."""
        return self.ledger.first_success is not None

    @property
    def over(self) -> tuple[bool, bool]:
        """(terminated: flipped, and the clean-up's queries are used; truncated: no budget left)."""
        done = self.ledger.cleaned_up(self.config.cleanup)
        return done, not done and self.ledger.left == 0

    def observations(self) -> dict[str, dict[str, NDArray]]:
        """Observations of both agents."""
        return observe(
            self.sight,
            self.masked,
            self.memory,
            self._move.add,
            self._move.undo,
            self._status(),
        )

    def state(self) -> NDArray[np.float32]:
        """Joint state for a centralised critic."""
        return joint_state(self.sight, self.masked, self.memory, self._status())

    @property
    def _takes_back(self) -> bool:
        return self.insists or self.config.keep == "paying"

    def _chosen(self, box: Box, one_in: int) -> NDArray[np.bool_] | None:
        """Which cells of a box to paint: each with a chance of 1 in `one_in`; None is all."""
        return None if one_in == 1 else self._rng.random(box.shape) * one_in < 1

    def _status(self) -> NDArray[np.float32]:
        goal, ledger = self.ledger.goal, self.ledger
        wins = goal.label if goal.target is None else goal.target
        values = (
            self.margin, self._last_drop, self._lowest, ledger.left / ledger.budget, self._norm,
            self.scores[wins], np.delete(self.scores, wins).max(), self.flipped,
        )  # fmt: skip
        return np.clip(np.asarray(values, np.float32), -1, 1)
