"""Episode: the game on one clip, without a victim: moves in, a clip out; answers in, rewards out."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.boundary import STEADY, Line
from video_attack.envs.game.canvas import Block, Canvas, Region
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.ledger import Ledger
from video_attack.envs.game.mask import perturbation_norm, reference_norm
from video_attack.envs.game.memory import SensitivityMemory
from video_attack.envs.game.moves import Move, Moves
from video_attack.envs.game.observation import clip_features, joint_state, observe
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Victim

AGENTS = ("spatial", "temporal")
SCALES = (0.5, 1.5)  # least and largest factor of one rescaling to the boundary
WEAKEN = 0.5
NOTHING = 1e-3  # a norm that is as good as none, as a share of the reference
SETTLE = 3  # mere rescalings from one kept stroke to the next


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
        clip, goal, config.budget, norm=norm, feedback=victim.feedback, top_k=victim.top_k
    )  # fmt: skip


class Episode:
    """The game on one clip that the victim gets right.

    With `acceptance: improving` a move stays if it pays: before the flip, if the margin falls (or the answer
    says nothing, as of a label-only victim); after it, if the norm at the boundary falls, see
    `Line.boundary_norm`. Any other move is taken back, and costs its query. A flipped clip that is to go to
    the boundary, and is far from it, goes there without a stroke: what is found is the line's, and stays.

    Args:
        ledger: the clip's account, after its clean query.
        clean: what the attacker saw of the clean clip's scores, (C,).
        versions: distorted versions of the clip.
        bound: where clips may lie.
        config: the rules.
        moves: the meaning of actions, for clips of this length.
        rng: draws strokes.

    Attributes:
        canvas: the clip as it stands and its perturbation.
        memory: the sensitivity memory.
        scores: what the attacker saw of the clip as it stands, (C,).
        margin: its margin in [-1, 1]; see `Goal.margin`.
        move: the last move, or None.
        slope: of the last answer, the drop of the margin in nats, and the L2 norm of the stroke as
            far as the bound let it be; norm 0 where the answer tells little of the stroke.
        gain: of the last move, once flipped, how far the logarithm of the norm at the boundary fell; 0 where
            the move was taken back, NaN before the flip.
    """

    def __init__(
        self,
        ledger: Ledger,
        clean: NDArray[np.float32],
        versions: list[Frames],
        bound: Bound,
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
        self.versions = versions
        self.canvas = Canvas(bound, config.grid, config.norm)
        self.features = clip_features(ledger.clip.frames, config.grid)
        self.memory = SensitivityMemory(self.canvas.energy.shape)
        self.scores = clean
        self.margin = self._clean_margin = ledger.goal.margin(clean)
        self._gap = self._clean_gap = max(ledger.goal.gap(clean), 1e-6)
        self._reference = reference_norm(config.norm, ledger.clip.frames.shape)
        self._line = Line(self._clean_gap, self._reference)
        self._boundary_norm, self._roughness = self._reference, 0.0
        self._boundary_l2 = reference_norm("l2", ledger.clip.frames.shape)
        self.move: Move | None = None
        self.slope, self.gain = (0.0, 0.0), float("nan")
        self._stroke: tuple[Region, Block] | None = None
        self._stroke_norm = self._wanted = self._expected = 0.0
        self._factor = 1.0
        self._size, self._norm_before, self._settled = self._reference, 0.0, 0
        self._before = self.canvas.snapshot()
        self._changed = np.zeros_like(self.canvas.energy)
        self._last_drop, self._kept = 0.0, True
        self._was_flipped = False

    def begin(self, actions: dict[str, Any]) -> Frames:
        """Make the move of both agents' actions; see `make`."""
        if set(actions) != set(AGENTS):
            raise ValueError(
                f"actions for {sorted(actions)}: give one for each of {', '.join(AGENTS)}"
            )
        return self.make(self.moves.decode(*(actions[agent] for agent in AGENTS)))

    def make(self, move: Move) -> Frames:
        """Make a move; returns the clip to be asked about, (1, T, H, W, 3)."""
        self._before, self._norm_before = self.canvas.snapshot(), self.canvas.norm()
        energy = self._before[2]
        region = self.moves.region(move, self.canvas.clean.shape, self._rng)
        self.move = move = self._possible(move, region)
        factor = self._rescaling(move.rescale) if self._was_flipped else 1.0
        far = move.rescale == "boundary" and abs(factor - 1) > STEADY
        if far and self._settled < SETTLE:
            self.move = move._replace(act="rescale")
            self._stroke_norm = 0.0
        elif move.act in ("weaken", "undo"):
            self.canvas.weaken(region, WEAKEN if move.act == "weaken" else 0.0)
            self._stroke_norm = 0.0
        else:
            region, block = self._next_stroke(move, region)
            self.canvas.paint(region, block)
            self._stroke_norm = self._moved(region)
        self._changed = np.abs(self.canvas.energy - energy)
        # What scaling alone should do; what is left of an answer is the stroke's.
        self._factor, self._expected = factor, self._line.drop(self._gap, factor)
        if factor != 1:
            self.canvas.scale(factor)
        return self.canvas.frames[None]

    def finish(self, answer: NDArray[np.float32]) -> float:
        """Take the victim's visible scores (C,) of that clip; returns the shared reward.

        Reward: margin * drop of the margin (down to 0, the flip) + flip * (first success)
        - norm * growth of log(norm) - flicker * growth of the roughness - query, each of the clip as
        it is kept. The norm is, up to the flip, what the perturbation's direction would need for it, so
        that a stroke pays by how much it helps for its size; from the flip on it is that of the best
        success, so that nothing is paid for what was not shown.
        """
        weights, goal = self.config.reward, self.ledger.goal
        margin, gap = goal.margin(answer), goal.gap(answer)
        drop, newly_flipped = self._gap - gap, self.flipped and not self._was_flipped
        norm = self.canvas.norm()
        rescaled = self.move is not None and self.move.act == "rescale"
        if rescaled:
            self._line.learn((self._norm_before, self._gap), (norm, gap))
        boundary = self._line.boundary_norm(norm, gap)
        drop -= self._expected
        self._credit(drop)
        if rescaled:
            pays = gap < self._clean_gap
        elif self._was_flipped:
            pays = boundary < self._boundary_norm
        else:
            pays = drop > 0 or gap == self._gap or newly_flipped
        self._kept = pays or self.config.acceptance == "always"
        if self._was_flipped:
            self.gain = float(np.log(self._boundary_norm / boundary)) if self._kept else 0.0
        self._last_drop, self._was_flipped = drop, self.flipped
        size = self.ledger.best_norm if self.flipped else boundary if self._kept else self._size
        size = max(size, NOTHING * self._reference)
        reward = weights.norm * float(np.log(self._size / size)) - weights.query
        self._size = size
        self._settled = self._settled + 1 if rescaled else 0 if self._kept else self._settled
        if not self._kept:
            self.canvas.restore(self._before)
            return reward
        roughness = self.canvas.roughness() if weights.flicker else 0.0
        reward += (
            weights.margin * (max(self.margin, 0.0) - max(margin, 0.0))
            + weights.flip * newly_flipped
            - weights.flicker * (roughness - self._roughness)
        )
        self.scores, self.margin, self._gap = answer, margin, gap
        self._boundary_l2 *= boundary / self._boundary_norm
        self._boundary_norm, self._roughness = boundary, roughness
        return float(reward)

    @property
    def may_turn(self) -> bool:
        """Whether the last move was a fresh stroke that did not pay: its opposite was not tried."""
        return self.move is not None and self.move.act == "paint" and not self._kept

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
        return observe(self.features, self.canvas, self.memory, self._changed, self._status())

    def state(self) -> NDArray[np.float32]:
        """Joint state for a centralised critic."""
        return joint_state(self.features, self.canvas, self.memory, self._status())

    def _possible(self, move: Move, region: Region) -> Move:
        """The move, or a fresh stroke in its place where there is nothing to turn or to take away."""
        idle = self._stroke is None
        if move.act in ("weaken", "undo"):
            idle = not self.canvas.delta[region].any()
        return move._replace(act="paint") if idle and move.act != "paint" else move

    def _next_stroke(self, move: Move, region: Region) -> tuple[Region, Block]:
        """The last stroke turned, or a fresh one of the move's strength."""
        if move.act == "opposite" and self._stroke is not None:
            region, block = self._stroke
            self._stroke = region, -block
            return self._stroke
        block = self.moves.palette.block(
            self.canvas.clean, self.versions, region, move.paint, self._rng
        )
        size = float(np.sqrt(np.square(block).sum(dtype=np.float64))) / 255
        self._wanted = move.strength * self._boundary_l2
        block = block * np.float32(self._wanted / max(size, 1e-9)) if size else block
        self._stroke = region, block
        return self._stroke

    def _moved(self, region: Region) -> float:
        """L2 norm of what the stroke really changed."""
        change = self.canvas.frames[region].astype(np.float32) - self._before[1][region]
        return float(np.sqrt(np.square(change).sum(dtype=np.float64))) / 255

    def _rescaling(self, rescale: str) -> float:
        """The factor by which a flipped clip's whole perturbation is to be scaled."""
        factor = {"leave": 1.0, "3 %": 0.97, "10 %": 0.9}.get(rescale)
        if factor is not None:
            return factor
        norm = self.canvas.norm()
        wanted = self._line.boundary_norm(norm, self._gap) / max(norm, 1e-9)
        return float(np.clip(wanted, *SCALES))

    def _credit(self, drop: float) -> None:
        """Tell the memory what a stroke did."""
        self.slope = drop, self._stroke_norm if abs(self._factor - 1) <= STEADY else 0.0
        total = float(self._changed.sum())
        if self._stroke_norm and total > 0 and self.slope[1]:
            self.memory.credit(self._changed / np.float32(total), drop, self._stroke_norm)

    def _status(self) -> NDArray[np.float32]:
        goal, ledger = self.ledger.goal, self.ledger
        wins = goal.label if goal.target is None else goal.target
        span = np.log(1 / NOTHING)
        norms = (self.canvas.norm(), self._boundary_norm)
        shown = [1 + np.log(max(n / self._reference, NOTHING)) / span for n in norms]
        values = (
            self.margin, self._clean_margin, np.tanh(self._last_drop), float(self._kept),
            ledger.left / ledger.budget, *shown, self.scores[wins],
            np.delete(self.scores, wins).max(), self.flipped, self.may_turn,
        )  # fmt: skip
        return np.clip(np.asarray(values, np.float32), -1, 1)
