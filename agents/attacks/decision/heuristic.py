"""The heuristic attack: fewer frames, the salient region, then a walk along the decision boundary.

Wei et al., "Heuristic Black-box Adversarial Attacks on Video Recognition Models", AAAI 2020.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.decision.label_only import LabelOnly, Theta
from video_attack.agents.attacks.gradient.estimate import block_noise, check_block
from video_attack.agents.attacks.queries import Queries
from video_attack.envs.clip import Frames


class Heuristic(LabelOnly):
    """Shrinks a flipped clip, then walks along the boundary by zeroth-order steps.

    The authors start from a video of another class; here clips stay in the bound, so that the start
    is a corner of it (see `LabelOnly`). From there, as published:

    1. the change is kept in the salient `region` of each frame, if the label stays flipped;
    2. frames are given back, the least changed first, each if the label stays flipped (the authors
       order them by scores, which a label-only victim does not show);
    3. the rest is shrunk by bisection to the boundary, a distance g(d) along its direction d;
    4. at most `iterations` times: the slope of g is estimated from `directions` random neighbours
       d + beta u (Cheng et al., "Query-efficient hard-label black-box attack", ICLR 2019), and
       d - alpha slope is taken, alpha doubled while g falls, else quartered until it does. Where no
       alpha helps, the best neighbour is taken.

    Distances are L2 norms of theta; beta u must move the clip by `min_levels`, or it would vanish in
    rounding. A point outside the bound stands for the nearest inside.

    Args:
        threat_model: see ThreatModel.
        region: share of each frame that counts as salient.
        iterations: the most steps of the walk.
        directions: neighbours of an estimate.
        alpha: the first length of a step.
        beta: distance of a neighbour, directions having length 1.
        gain: factor of an estimated slope.
        tries: the most lengths of a step that are tried in each way.
        block: frames and side in pixels over which a neighbour's noise is constant; [1, 1] is white
            noise, as published, which is nearly blind to the slope of so many values.
        tolerance: of a bisection, as a share of the distance.
        min_levels: the least root mean square of beta u at the boundary, in levels of 0-255.

    Raises:
        ValueError: a constant out of its range.
    """

    name = "heuristic"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        region: float = 0.6,
        iterations: int = 1000,
        directions: int = 15,
        alpha: float = 0.2,
        beta: float = 0.01,
        gain: float = 15.0,
        tries: int = 15,
        block: Sequence[int] = (1, 8),
        tolerance: float = 0.01,
        min_levels: float = 1.0,
    ) -> None:
        super().__init__(threat_model)
        if not 0 < region <= 1 or not 0 < tolerance < 1:
            raise ValueError(
                f"region={region}, tolerance={tolerance}: must be above 0 and at most 1"
            )
        if min(directions, tries, alpha, beta, gain, min_levels) <= 0 or iterations < 0:
            raise ValueError("the constants of the walk must be above 0 (iterations may be 0)")
        self.region, self.iterations, self.directions = region, iterations, directions
        self.alpha, self.beta, self.gain, self.tries = alpha, beta, gain, tries
        self.tolerance, self.min_levels, self.block = tolerance, min_levels, check_block(block)

    def moves(self, task: Task) -> Proposals:
        """One clip at a time."""
        theta = yield from self.start(task)
        salient = theta * salient_region(task.bound.clean, self.region)
        if (yield from self.flips(task, salient)):
            theta = salient
        change = np.abs(theta * task.bound.delta).sum(axis=(1, 2, 3))
        for frame in np.argsort(change, kind="stable"):
            if not change[frame]:
                continue
            fewer = theta.copy()
            fewer[frame] = 0
            if fewer.any() and (yield from self.flips(task, fewer)):
                theta = fewer
        length = float(np.linalg.norm(theta))
        direction = theta / np.float32(length)
        distance = yield from self.bisect(task, direction, 0.0, length, self.tolerance)
        yield from self.walk(task, direction, distance)

    def nearer(self, task: Task, direction: Theta, near: float) -> Queries[float]:
        """The boundary along a direction if it is nearer than `near`, else infinity."""
        found = float("inf")
        while (yield from self.flips(task, direction * np.float32(near / (1 + self.tolerance)))):
            found = near = near / (1 + self.tolerance)
        return found

    def distance(self, task: Task, direction: Theta, near: float) -> Queries[float]:
        """The boundary along a direction, or infinity if it is not found around `near`."""
        found = yield from self.nearer(task, direction, near)
        for _ in range(10):
            if np.isfinite(found) or (yield from self.flips(task, direction * np.float32(near))):
                return min(found, near)
            near *= 1 + self.tolerance
        return found

    def walk(self, task: Task, direction: Theta, distance: float) -> Proposals:
        """Steps along the boundary, each of which lessens the distance."""
        active = direction != 0
        levels = float(np.sqrt(np.mean(np.square(task.bound.delta[active]))))
        alpha = self.alpha
        for _ in range(self.iterations):
            # Levels that a direction's change of length 1 means at this distance.
            per_length = max(levels * distance / np.sqrt(active.sum()), 1e-6)
            beta = max(self.beta, self.min_levels / per_length)
            slope, best, nearest = np.zeros_like(direction), direction, distance
            for _ in range(self.directions):
                noise = unit(block_noise(direction.shape, self.block, task.rng) * active)
                neighbour = unit(direction + np.float32(beta) * noise)
                found = yield from self.distance(task, neighbour, distance)
                if np.isfinite(found):
                    factor = self.gain * (found - distance) / beta / self.directions
                    slope += np.float32(factor) * noise
                if found < nearest:
                    best, nearest = neighbour, found
            stepped, stepped_to, alpha = yield from self.step(
                task, direction, distance, slope, alpha
            )
            if stepped_to <= nearest:
                best, nearest = stepped, stepped_to
            direction, distance = best, nearest
            if alpha < 1e-4:
                alpha = self.alpha

    def step(
        self, task: Task, direction: Theta, distance: float, slope: Theta, alpha: float
    ) -> Queries[tuple[Theta, float, float]]:
        """Against the slope, ever longer while that is nearer, else ever shorter until it is.

        Returns the direction, its distance and alpha; the direction given, where no step helps.
        """
        if not slope.any():
            return direction, distance, alpha
        best, nearest = direction, distance
        for _ in range(self.tries):
            candidate = unit(direction - np.float32(alpha) * slope)
            found = yield from self.nearer(task, candidate, nearest)
            if found >= nearest:
                break
            best, nearest, alpha = candidate, found, alpha * 2
        if nearest < distance:
            return best, nearest, alpha
        for _ in range(self.tries):
            alpha /= 4
            candidate = unit(direction - np.float32(alpha) * slope)
            found = yield from self.nearer(task, candidate, distance)
            if found < distance:
                return candidate, found, alpha
        return direction, distance, alpha


def unit(values: Theta) -> Theta:
    """Scaled to an L2 norm of 1."""
    return values / np.float32(max(float(np.linalg.norm(values)), 1e-12))


def salient_region(clip: Frames, share: float) -> NDArray[np.bool_]:
    """The most salient `share` of each frame's pixels, (T, H, W, 1).

    Spectral residual (Hou and Zhang, "Saliency detection: a spectral residual approach", CVPR 2007):
    what a frame's log amplitude spectrum, at 64 x 64 pixels, has more than its local mean.
    """
    height, width = clip.shape[1:3]
    masks = []
    for frame in clip:
        grey = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (64, 64)).astype(np.float64)
        spectrum = np.fft.fft2(grey)
        amplitude = np.log1p(np.abs(spectrum))
        residual = amplitude - cv2.blur(amplitude, (3, 3))
        back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
        saliency = cv2.resize(cv2.GaussianBlur(back, (0, 0), 2.5), (width, height)).ravel()
        mask = np.zeros(height * width, bool)
        mask[np.argsort(-saliency, kind="stable")[: round(height * width * share)]] = True
        masks.append(mask.reshape(height, width, 1))
    return np.stack(masks)
