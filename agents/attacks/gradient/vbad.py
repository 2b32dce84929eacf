"""V-BAD: directions from an image network, one estimated scalar per patch and frame."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.estimate import (
    Floats,
    Plateau,
    check_samples,
    descent_sizes,
    margins,
    note_pictures,
    pair_slopes,
    probe_pairs,
    spread,
    stalled,
)
from video_attack.agents.attacks.gradient.features import Features
from video_attack.agents.attacks.queries import Queries

# Asks what it needs to, and returns the frames (T,) that a step may change.
Choose = Callable[[Task, Floats, Floats], Queries[NDArray[np.bool_]]]


class Vbad(Attack):
    """Jiang et al., Black-box adversarial attacks on video recognition models, ACM MM 2019.

    An iteration: a check query; tentative directions from the features of the present clip; NES
    over one scalar per patch and frame, by the ranks of the margins; a step along each direction or
    against it, as its patch's scalar says. Ends after `give_up` iterations without a fall.
    The published targeted attack begins with a clip of the target class; here it begins in the bound.

    Args:
        threat_model: see ThreatModel.
        weights: of the feature network, see Features.
        network: see Features.
        device: of the feature network.
        patches: a frame is cut into patches x patches pieces.
        samples: probes an iteration, an even number.
        sigma: standard deviation of a scalar, on pixel values in [0, 1].
        lr: first step, on the same scale.
        min_lr: the step is not made smaller than this.
        window: the step is halved when a margin is no lower than so many iterations before.
        give_up: the attack ends when a margin is no lower than so many iterations before.
        random_start: begin at a random point of the bound instead of the clean clip, where the bound
            has an edge; elsewhere noise is nothing but norm.
        published_eps: the bound that these were published with; sets their scale under a distortion.
        min_levels: the least size of a probe, in levels of 0-255 (see `theta_size`); steps have
            at least one.

    Raises:
        ValueError: samples is odd, or the network is unknown.
        VictimError: see Features.
    """

    name = "vbad"
    shrinks = False

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        weights: str | None = None,
        network: str = "efficientnet_lite0",
        device: str = "auto",
        patches: int = 8,
        samples: int = 48,
        sigma: float = 1e-6,
        lr: float = 1e-2,
        min_lr: float = 1e-3,
        window: int = 20,
        give_up: int = 200,
        random_start: bool = True,
        published_eps: float = 0.05,
        min_levels: float = 4.0,
    ) -> None:
        super().__init__(threat_model)
        check_samples(samples)
        self.features = Features(weights, network, device)
        self.patches, self.samples, self.sigma = patches, samples, sigma
        self.lr, self.min_lr, self.window, self.give_up = lr, min_lr, window, give_up
        self.random_start, self.published_eps, self.min_levels = (
            random_start,
            published_eps,
            min_levels,
        )

    def moves(self, task: Task) -> Proposals:
        """All frames move."""
        yield from self.descend(task, self.start(task), all_frames)

    def start(self, task: Task) -> Floats:
        """The first point, theta (T, H, W, 3)."""
        shape = task.bound.clean.shape
        if not self.random_start or not task.bound.edged:
            return np.zeros(shape, np.float32)
        return task.rng.uniform(task.bound.low, 1, shape).astype(np.float32)

    def descend(self, task: Task, theta: Floats, choose: Choose) -> Proposals:
        """Check, estimate, step, until stopped or given up.

        Args:
            task: see Task.
            theta: the first point (T, H, W, 3).
            choose: is given the task, the point and the step (T, H, W, 3) that all frames would
                make, and returns which of them make it.
        """
        bound, (T, H, W, _) = task.bound, task.bound.clean.shape
        sigma, lr, min_lr = descent_sizes(
            bound, self.sigma, self.lr, self.min_lr, self.published_eps, self.min_levels
        )
        steps = Plateau(lr, min_lr, self.window, drop=2)
        # Where theta is the share of a distortion, more of it may darken a pixel.
        towards = np.sign(bound.delta)
        found: list[float] = []
        steep = np.zeros((T, self.patches, self.patches), np.float32)
        while not stalled(found, self.give_up):
            frames = bound.render(theta)
            answers = yield frames[None]
            found.append(float(margins(task, answers)[0]))
            steps.tell(found[-1])
            direction = self.features.direction(frames, task.rng) * towards
            size = (self.samples // 2, T, self.patches, self.patches)
            scalars = task.rng.standard_normal(size, np.float32)
            probes = (sigma * spread(values, H, W) * direction for values in scalars)
            answers = yield probe_pairs(bound, theta, probes)
            slopes = pair_slopes(margins(task, answers), ranked=True)
            # Of a request larger than what is left, only the first clips were answered.
            slope = np.tensordot(slopes, scalars[: len(slopes)], 1).astype(np.float32)
            step = -np.float32(steps.rate) * spread(np.sign(slope), H, W) * direction
            chosen = yield from choose(task, theta, step)
            theta = bound.inside(theta + step * chosen[:, None, None, None])
            steep += np.abs(slope)
            note_pictures(task, theta, spread(steep, H, W), self.threat_model.game.grid)


def all_frames(task: Task, theta: Floats, step: Floats) -> Queries[NDArray[np.bool_]]:
    """V-BAD's choice: each step moves every frame."""
    yield from ()
    return np.ones(len(theta), bool)
