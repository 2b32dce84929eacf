"""Gradients estimated from scores: antithetic probes (NES) and the step sizes that go with them.

Natural evolution strategies (Wierstra et al. 2014; Ilyas et al., ICML 2018): the gradient of the
smoothed loss E[f(theta + sigma u)] over normal u is E[f(theta + sigma u) u] / sigma, estimated from
pairs u, -u. Steps follow signs only, so that constant factors are left out here.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from video_attack.agents.attacks.base import Task
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.mask import cell_edges
from video_attack.envs.game.observation import cell_means

Floats = NDArray[np.float32]


def theta_size(value: float, bound: Bound, *, published_eps: float, min_levels: float) -> float:
    """A published step or probe size on the scale of theta.

    Args:
        value: on pixel values in [0, 1].
        bound: under an Linf bound pixel values are meant; under a distortion its mean strength
            stands for the bound that the value was published with.
        published_eps: that bound, on pixel values in [0, 1].
        min_levels: clips are integers, and what is smaller than this vanishes in rounding.

    Returns:
        Theta units; at least `min_levels` levels of 0-255 where the bound has its mean strength.
    """
    changes = np.abs(bound.delta[bound.delta != 0])
    width = float(changes.mean()) if changes.size else 1.0
    levels = 255 * value if bound.low < 0 else value / published_eps * width
    return max(levels, min_levels) / width


def descent_sizes(
    bound: Bound,
    sigma: float,
    lr: float,
    min_lr: float,
    published_eps: float,
    min_levels: float,
) -> tuple[float, float, float]:
    """Probe, first and least step in units of theta, see `theta_size`; steps have one level or more."""
    return (
        theta_size(sigma, bound, published_eps=published_eps, min_levels=min_levels),
        theta_size(lr, bound, published_eps=published_eps, min_levels=1),
        theta_size(min_lr, bound, published_eps=published_eps, min_levels=1),
    )


def probe_pairs(bound: Bound, theta: Floats, probes: Iterable[Floats]) -> Frames:
    """Clips uint8 (2 N, T, H, W, 3) at theta + probe and theta - probe in turn."""
    # One at a time: floats of all of them would be eight times the clips.
    return np.stack([bound.render(theta + s * probe) for probe in probes for s in (1, -1)])


def margins(task: Task, answers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distance from success (N,) of answers (N, C): the loss of every estimator, see Goal.gap."""
    return np.array([task.ledger.goal.gap(row) for row in answers])


def pair_slopes(losses: NDArray[np.float64], ranked: bool = False) -> NDArray[np.float64]:
    """Loss of each pair's first clip minus its second's, (N,), from losses (2 N,) in pair order.

    Args:
        losses: a last one without its partner is left out.
        ranked: take the losses' ranks, scaled to [0, 1], for the losses; equal losses share one.
    """
    whole = losses[: len(losses) // 2 * 2]
    if ranked and len(whole):
        whole = (rankdata(whole) - 1) / (len(whole) - 1)
    return whole[::2] - whole[1::2]


class Plateau:
    """A step size that is divided where the loss no longer falls.

    Args:
        rate: at the beginning.
        minimum: never less than this.
        window: looks at so many losses, and at new ones after each division.
        drop: divides by this.
    """

    def __init__(self, rate: float, minimum: float, window: int, drop: float) -> None:
        self.rate, self.minimum, self.window, self.drop = rate, minimum, window, drop
        self._losses: list[float] = []

    def tell(self, loss: float) -> None:
        """Note the loss after a step."""
        self._losses = [*self._losses, loss][-self.window :]
        if stalled(self._losses, self.window):
            self.rate = max(self.rate / self.drop, self.minimum)
            self._losses = []


def stalled(losses: Sequence[float], window: int) -> bool:
    """Whether the last of `window` losses is no lower than the first of them."""
    return len(losses) >= window and losses[-1] >= losses[-window]


def check_samples(samples: int) -> None:
    """Raise ValueError unless probes come in pairs."""
    if samples < 2 or samples % 2:
        raise ValueError(f"samples={samples}: choose an even number, since probes come in pairs")


def spread(values: Floats, height: int, width: int) -> Floats:
    """Patch values (T, P, P) repeated over the pixels of their patches, (T, height, width, 1)."""
    rows, cols = (np.diff(cell_edges(side, values.shape[1])) for side in (height, width))
    return values.repeat(rows, 1).repeat(cols, 2)[..., None]


def note_pictures(task: Task, theta: Floats, slope: Floats, grid: int) -> None:
    """Leave the picture of where the clip is changed, and of how steep the loss is there.

    Args:
        task: receives notes mask and sensitivity, float32 (T, grid, grid).
        theta: (T, H, W, 3).
        slope: estimated gradient, of a shape that broadcasts to theta's.
        grid: cells a side.
    """
    task.notes["mask"] = cell_means(np.abs(theta).mean(3), grid)
    steep = cell_means(np.broadcast_to(np.abs(slope), theta.shape).mean(3), grid)
    task.notes["sensitivity"] = steep / max(float(steep.max()), 1e-12)


def block_noise(shape: tuple[int, ...], block: Sequence[int], rng: np.random.Generator) -> Floats:
    """Normal noise (T, H, W, 3) that is constant over blocks of frames and of pixels."""
    sides = (block[0], block[1], block[1])
    cells = [-(-n // side) for n, side in zip(shape, sides, strict=False)]
    values = rng.standard_normal((*cells, shape[3]), np.float32)
    for axis, side in enumerate(sides):
        values = values.repeat(side, axis)
    return values[: shape[0], : shape[1], : shape[2]]


def check_block(block: Sequence[int]) -> tuple[int, int]:
    """Frames and side of the blocks of a noise; raise ValueError unless both are at least 1."""
    if len(block) != 2 or min(block) < 1:
        raise ValueError(f"block={list(block)}: write frames and pixels, each at least 1")
    return block[0], block[1]
