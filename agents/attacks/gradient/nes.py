"""NES: a gradient estimated over all pixels, and signed steps along it."""

from collections.abc import Sequence

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.estimate import (
    Floats,
    Plateau,
    block_noise,
    check_block,
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
    comparison's margin. Probes below `min_levels` are raised to it (see `theta_size`): a probe of
    0.001 is a quarter of a level, which no uint8 clip can show.

    Args:
        threat_model: see ThreatModel.
        samples: probes an iteration, an even number.
        sigma: standard deviation of a probe, on pixel values in [0, 1].
        lr: first step, on the same scale.
        min_lr: the step is not made smaller than this.
        window: iterations without a fall of the loss before the step is divided.
        drop: what it is divided by.
        momentum: weight of earlier gradients.
        block: frames and side in pixels over which a probe is constant; [1, 1] is white noise, as
            published, which is nearly blind to the slope of so many values.
        published_eps: the bound that these were published with; sets their scale under a distortion.
        min_levels: the least size of a probe, in levels of 0-255; steps have at least one.

    Raises:
        ValueError: samples is odd.
    """

    name = "nes"
    shrinks = False

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        samples: int = 50,
        sigma: float = 1e-3,
        lr: float = 1e-2,
        min_lr: float = 5e-5,
        window: int = 5,
        drop: float = 2.0,
        momentum: float = 0.9,
        block: Sequence[int] = (1, 8),
        published_eps: float = 0.05,
        min_levels: float = 4.0,
    ) -> None:
        super().__init__(threat_model)
        check_samples(samples)
        self.samples, self.sigma, self.lr, self.min_lr = samples, sigma, lr, min_lr
        self.window, self.drop, self.momentum = window, drop, momentum
        self.published_eps, self.min_levels = published_eps, min_levels
        self.block = check_block(block)

    def moves(self, task: Task) -> Proposals:
        """Estimate, step, check, until stopped."""
        bound, shape = task.bound, task.bound.clean.shape
        sigma, lr, min_lr = descent_sizes(
            bound, self.sigma, self.lr, self.min_lr, self.published_eps, self.min_levels
        )
        steps = Plateau(lr, min_lr, self.window, self.drop)
        theta, slope = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        while True:
            # Probes are drawn twice from their seeds: to keep them would take 100 MB a clip.
            seeds = task.rng.integers(2**63, size=self.samples // 2)
            probes = (sigma * self._normal(seed, shape) for seed in seeds)
            answers = yield probe_pairs(bound, theta, probes)
            slopes = pair_slopes(margins(task, answers))
            slope *= self.momentum
            for seed, weight in zip(seeds, slopes, strict=False):  # fewer answers at the end
                slope += np.float32((1 - self.momentum) * weight) * self._normal(seed, shape)
            theta = bound.inside(theta - np.float32(steps.rate) * np.sign(slope))
            note_pictures(task, theta, slope, self.threat_model.game.grid)
            answers = yield bound.render(theta)[None]
            steps.tell(float(margins(task, answers)[0]))

    def _normal(self, seed: np.int64, shape: tuple[int, ...]) -> Floats:
        return block_noise(shape, self.block, np.random.default_rng(seed))
