"""Attacks whose noise is one frame moved along through the clip: the two-point estimate they share."""

from abc import abstractmethod
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.estimate import note_pictures, theta_size
from video_attack.envs.game.bound import Bound

Array = NDArray[np.float32]
Positions = NDArray[np.float32]  # (T, H, W, 2): the place (x, y) in the noise frame, in pixels


class WarpedNoise(Attack):
    """A gradient estimate in the directions of a noise that moves as a video does.

    Per iteration three clips: the clip as it stands and two probes, theta + a w+/|w+| and
    theta + a w-/|w-|, with w+- = g +- exploration u, u the warped noise, g the estimate so far (the
    prior of Ilyas et al., "Prior convictions", ICLR 2019) and |.| the L2 norm of a frame. Then
    g += rate (m+ - m-) / (exploration a) u, and theta -= step sign(g), cut to the bound. The loss
    m is a tenth of `Goal.gap`, so that targeted attacks need nothing else; the papers take a margin
    of probabilities, which a saturated softmax hides.

    The published probe moves a frame by an L2 norm of `probe` on the [0, 1] scale, which is 0.13
    levels a value at 112 x 112 and would vanish in rounding. It is raised to `min_levels` root
    mean square; a value that a probe would move out of the bound stays at the border. Under a
    distortion, sizes are the same share of its mean strength as of the bound they were published with.

    Attributes:
        published_eps: that bound, on the [0, 1] scale.

    Args:
        threat_model: see ThreatModel.
        probe: L2 norm of a probe in each frame, on the [0, 1] scale.
        min_levels: the least root mean square of a probe, in levels of 0-255.
        exploration: weight of the noise beside the estimate in a probe.
        rate: weight of an iteration's derivative in the estimate.
        step: length of the sign step, on the [0, 1] scale.

    Raises:
        ValueError: a constant that is not above 0.
    """

    published_eps: float
    shrinks = False

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        probe: float = 0.1,
        min_levels: float = 2.0,
        exploration: float = 0.1,
        rate: float = 0.1,
        step: float = 0.025,
    ) -> None:
        super().__init__(threat_model)
        self.probe, self.min_levels = probe, min_levels
        self.exploration, self.rate, self.step = exploration, rate, step
        for key in ("probe", "min_levels", "exploration", "rate", "step"):
            if getattr(self, key) <= 0:
                raise ValueError(f"{key}={getattr(self, key)}: must be above 0")

    @abstractmethod
    def positions(self, task: Task) -> Iterator[Positions]:
        """Endlessly, where each value of a frame comes from in the noise frame."""

    def moves(self, task: Task) -> Proposals:
        """Two probes and the clip as it stands, at a time."""
        bound, gap = task.bound, task.ledger.goal.gap
        shape = bound.clean.shape
        side = float(np.sqrt(np.prod(shape[1:])))  # L2 norm of a frame of ones
        probe = self.size(bound, self.probe / side, self.min_levels)
        step = np.float32(self.size(bound, self.step, 1.0))
        # The probe as a frame's L2 norm on the [0, 1] scale, whatever it was raised to.
        length = self.probe * probe / self.size(bound, self.probe / side, 0.0)
        theta, estimate = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        try:
            for positions in self.positions(task):
                noise = warp(task.rng.standard_normal(shape[1:], np.float32), positions)
                both = (estimate + sign * self.exploration * noise for sign in (1, -1))
                points = [theta + probe * unit_frames(direction) for direction in both]
                answers = yield np.stack([bound.render(point) for point in (*points, theta)])
                if len(answers) < 3:
                    return
                difference = (gap(answers[0]) - gap(answers[1])) / 10
                gain = np.float32(self.rate * difference / (self.exploration * length))
                estimate += gain * noise
                theta = bound.inside(theta - step * np.sign(estimate))
        finally:
            note_pictures(task, theta, estimate, self.threat_model.game.grid)

    def size(self, bound: Bound, value: float, min_levels: float) -> float:
        """A published size on the [0, 1] scale in units of theta."""
        return theta_size(value, bound, published_eps=self.published_eps, min_levels=min_levels)


def warp(frame: Array, positions: Positions) -> Array:
    """One frame (H, W, 3) seen from every place of every frame, (T, H, W, 3); outside of it is 0."""
    return np.stack([
        cv2.remap(
            frame, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        for place in positions
    ])  # fmt: skip


def unit_frames(values: Array) -> Array:
    """Each frame of (T, H, W, 3) at a root mean square of 1; empty ones stay 0."""
    size = np.sqrt(np.mean(np.square(values), axis=(1, 2, 3), keepdims=True))
    return values / np.maximum(size, np.float32(1e-12))
