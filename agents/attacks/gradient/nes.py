"""NES: a gradient estimated over all pixels, and signed steps along it."""

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Rules, Task
from video_attack.agents.attacks.gradient.estimate import (
    Floats,
    Plateau,
    check_samples,
    descent_sizes,
    margins,
    note_pictures,
    pair_slopes,
    probe_pairs,
)


class Nes(Attack):
    """Query-limited attack of Ilyas et al. (Black-box adversarial attacks, ICML 2018).

    An iteration: `samples` antithetic normal probes around the present point, a step against the
    sign of the estimated gradient (with momentum), projection, and one check query. Its loss is the
    comparison's margin. Probes below `least_levels` are raised to it (see `theta_size`): a probe of
    0.001 is a quarter of a level, which no uint8 clip can show.

    Args:
        rules: see Rules.
        samples: probes an iteration, an even number.
        sigma: standard deviation of a probe, on pixel values in [0, 1].
        lr: first step, on the same scale.
        least_lr: the step is not made smaller than this.
        window: iterations without a fall of the loss before the step is divided.
        drop: what it is divided by.
        momentum: weight of earlier gradients.
        published_eps: the bound that these were published with; sets their scale under a distortion.
        least_levels: the least size of a probe, in levels of 0-255; steps have at least one.

    Raises:
        ValueError: samples is odd.
    """

    name = "nes"

    def __init__(
        self,
        rules: Rules,
        *,
        samples: int = 50,
        sigma: float = 1e-3,
        lr: float = 1e-2,
        least_lr: float = 5e-5,
        window: int = 5,
        drop: float = 2.0,
        momentum: float = 0.9,
        published_eps: float = 0.05,
        least_levels: float = 4.0,
    ) -> None:
        super().__init__(rules)
        check_samples(samples)
        self.samples, self.sigma, self.lr, self.least_lr = samples, sigma, lr, least_lr
        self.window, self.drop, self.momentum = window, drop, momentum
        self.published_eps, self.least_levels = published_eps, least_levels

    def moves(self, task: Task) -> Proposals:
        """Estimate, step, check, until stopped."""
        bound, shape = task.bound, task.bound.clean.shape
        sigma, lr, least_lr = descent_sizes(
            bound, self.sigma, self.lr, self.least_lr, self.published_eps, self.least_levels
        )
        steps = Plateau(lr, least_lr, self.window, self.drop)
        theta, slope = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        while True:
            # Probes are drawn twice from their seeds: to keep them would take 100 MB a clip.
            seeds = task.rng.integers(2**63, size=self.samples // 2)
            probes = (sigma * _normal(seed, shape) for seed in seeds)
            answers = yield probe_pairs(bound, theta, probes)
            slopes = pair_slopes(margins(task, answers))
            slope *= self.momentum
            for seed, weight in zip(seeds, slopes, strict=False):  # fewer answers at the end
                slope += np.float32((1 - self.momentum) * weight) * _normal(seed, shape)
            theta = np.clip(theta - np.float32(steps.rate) * np.sign(slope), bound.low, 1)
            note_pictures(task, theta, slope, self.rules.game.grid)
            answers = yield bound.render(theta)[None]
            steps.tell(float(margins(task, answers)[0]))


def _normal(seed: np.int64, shape: tuple[int, ...]) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)
