"""A victim whose best attack is known, for tests of attacks."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.toys import CountingVictim, softmax
from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.core.build import build
from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.bound import Bound, BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.victims.base import Scores

CONF = Path(__file__).parents[1] / "conf/attack"
FRAMES, SIZE, BLOCK = 8, 32, 8
BOUNDS = {
    "linf": BoundConfig("linf", eps=10),
    "distortion": BoundConfig(),
    "l2": BoundConfig("l2", radius=2.0),  # Linf 10 is 6.1 for these clips
    "none": BoundConfig("none"),
}


class LinearVictim(CountingVictim):
    """Three classes; the first wins while a weighted sum of all values is positive.

    The weights are constant over blocks of 2 frames x 8 x 8 pixels of one channel, so that the
    lowest margin within a bound is reached where each value moves against its weight's sign.

    Args:
        share: of the way to that optimum (with Linf 10/255) that flips the label.
        seed: of the weights.
    """

    classes = ("held", "other", "never")

    def __init__(self, share: float = 0.4, seed: int = 0) -> None:
        super().__init__(FRAMES, SIZE)
        rng = np.random.default_rng(seed)
        cells = rng.standard_normal((FRAMES // 2, SIZE // BLOCK, SIZE // BLOCK, 3))
        self.weights = cells.repeat(2, 0).repeat(BLOCK, 1).repeat(BLOCK, 2)
        self.weights /= np.abs(self.weights).sum() * 10  # Linf 10 moves the sum by 1
        self.offset = share

    def total(self, clips: Frames) -> np.ndarray:
        """The weighted sum, (N,); negative means flipped."""
        return np.tensordot(clips.astype(np.float64) - 128, self.weights, 4) + self.offset

    def answer(self, clips: Frames) -> Scores:
        """Softmax of the sum and its opposite."""
        total = 4 * self.total(clips)
        return softmax(np.stack([total, -total, np.full_like(total, -20)], axis=1))

    def optimum(self, bound: Bound) -> float:
        """The lowest sum within a bound."""
        best = np.where(self.weights > 0, bound.lower, bound.upper)
        return float(self.total(best[None].astype(np.uint8))[0])


def grey_clip(seed: int = 0) -> Clip:
    """Mean grey with a little noise, label 0."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(124, 133, (FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
    return Clip(frames, 0, f"grey-{seed}")


def darken(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """A distortion that lowers every value by 16."""
    return np.maximum(clip.astype(np.int16) - 16, 0).astype(np.uint8)


def rules(
    budget: int = 200, eps: int | None = 10, bound: BoundConfig | None = None, **game: Any
) -> ThreatModel:
    """Rules for the linear victim; a bound, or an Linf bound of eps, or (None) the distortion."""
    bound = bound or (BoundConfig("linf", eps) if eps else BoundConfig())
    config = GameConfig(
        **{"grid": 4, "budget": budget, "sizes": [0.25, 0.5], "windows": [2, 4], **game}
    )
    return ThreatModel(config, darken, 5, len(LinearVictim.classes), FRAMES, bound)


def make(target: str, budget: int = 200, eps: int | None = 10, **keys: Any) -> Attack:
    """An attack by its `_target_`, with keys of its own."""
    attack: Attack = build("attack", {"_target_": target, **keys}, rules(budget, eps))
    return attack


def shipped(name: str) -> dict[str, Any]:
    """The keys of conf/attack/NAME.yaml."""
    keys: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    keys.pop("defaults", None)  # the surrogate of some, null
    return keys


def watch_requests(attack: Attack) -> list[Frames]:
    """What an attack asks for at a time and is answered, added to the list as it runs.

    The victim sees clip by clip.
    """
    seen: list[Frames] = []
    inner = attack.moves

    def moves(task: Task) -> Proposals:
        coroutine = inner(task)
        try:
            request = next(coroutine)
            while True:
                answers = yield request
                seen.append(request[: len(answers)])
                request = coroutine.send(answers)
        except StopIteration:
            return

    attack.moves = moves  # type: ignore[method-assign] # one instance, in a test
    return seen
