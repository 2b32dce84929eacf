"""AstFocus: two agents learn on each clip in which frames, and where in them, to estimate gradients.

Wei, Wang and Yan, "Efficient Robustness Assessment via Adversarial Spatial-Temporal Focus on
Videos", TPAMI 2023.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.astfocus_agents import (
    CELLS,
    Agent,
    Ppo,
    SpatialNet,
    TemporalNet,
)
from video_attack.agents.attacks.gradient.astfocus_windows import Index, Windows, objectness
from video_attack.agents.attacks.gradient.estimate import (
    Floats,
    Plateau,
    check_samples,
    note_pictures,
    pair_slopes,
    probe_pairs,
    theta_size,
)
from video_attack.agents.attacks.gradient.features import Features
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.threat import Goal


class AstFocus(Attack):
    """NES inside windows of key frames; two agents choose both and are trained by PPO meanwhile.

    An iteration: the spatial agent places a window in each frame, the temporal agent keeps some of
    the frames, `samples` antithetic probes inside the kept windows give a gradient of the margin of
    probabilities, one step follows it, one query checks the step, and both agents learn from the
    common reward and from their own. Nothing is carried over to another clip.

    It differs from what was published in these points:
        Clips are integers, and probes of sigma 1e-3, a quarter of a level, would vanish in
        rounding: they are raised to `min_levels`, and the divisor of the gradient with them.
        On I3D, answers in bfloat16 and in float32 agree for probes of four levels (correlation
        0.91), not for those of one (-0.02).
        Windows and numbers of frames are shares of the clip's, given for 112 pixels and 16 frames.
        Objectness is `objectness` here instead of EdgeBoxes, which needs a trained edge detector.
        The last iteration of a budget takes fewer probes, so that its check is still paid for.
        Where its description leaves a choice, this is ours: the gradient is divided by sigma, the
        learning rate falls when losses stall, rewards are added up in each frame, and each agent
        has a critic on its LSTM.
        A targeted attack raises the target's probability over the best other one.

    Args:
        threat_model: see ThreatModel.
        window: side of a window, as a share of the clip's.
        grid: positions of a window along a side.
        samples: probes of an iteration, even.
        sigma: their standard deviation, on pixel values in [0, 1].
        lr: step along the gradient by pixel values in [0, 1]; ranks stand for losses.
        min_lr: the least that lr falls to.
        plateau: lr falls when the last of so many losses is no lower than the first.
        drop: by this divisor.
        published_eps: the bound that sigma and lr belong to; used where the bound is a distortion.
        min_levels: the least sigma, in levels of 0-255.
        kept_share: the least and the greatest share of frames that are kept.
        tries: draws of the temporal agent outside of `kept_share` before random frames take their place.
        keep_scale: frames are kept with probability min(keep_scale * sigmoid, keep_max).
        keep_max: see keep_scale.
        spatial: weight of the spatial agent's intrinsic reward; the common one has weight 1.
        temporal: weight of the temporal agent's.
        common: share of the common reward in the temporal agent's; the rest fines many frames.
        ppo: constants of the agents' learning, see Ppo; None: its defaults.
        weights: checkpoint of the image features, see Features.
        network: see Features.
        device: of the image features; the agents learn on the CPU.

    Raises:
        ValueError: a constant out of its range.
        VictimError: see Features.
    """

    name = "astfocus"
    shrinks = False

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        window: float = 0.58,
        grid: int = 7,
        samples: int = 60,
        sigma: float = 0.001,
        lr: float = 0.01,
        min_lr: float = 0.001,
        plateau: int = 5,
        drop: float = 2.0,
        published_eps: float = 0.05,
        min_levels: float = 4.0,
        kept_share: tuple[float, float] = (0.125, 0.625),
        tries: int = 3,
        keep_scale: float = 1.1,
        keep_max: float = 0.99,
        spatial: float = 0.4,
        temporal: float = 0.6,
        common: float = 0.8,
        ppo: Mapping[str, float] | None = None,
        weights: str | None = None,
        network: str = "efficientnet_lite0",
        device: str = "cpu",
    ) -> None:
        super().__init__(threat_model)
        check_samples(samples)
        if not 0 < window <= 1 or grid < 1:
            raise ValueError(f"window={window}, grid={grid}: a share up to 1 and at least 1")
        if not 0 < kept_share[0] <= kept_share[1] <= 1:
            raise ValueError(
                f"kept_share={list(kept_share)}: write two rising shares above 0, up to 1"
            )
        self.window, self.grid, self.samples, self.sigma = window, grid, samples, sigma
        self.lr, self.min_lr, self.plateau, self.drop = lr, min_lr, plateau, drop
        self.published_eps, self.min_levels = published_eps, min_levels
        self.kept_frames = (
            max(1, round(kept_share[0] * threat_model.frames)),
            max(1, round(kept_share[1] * threat_model.frames)),
        )
        self.tries, self.keep_scale, self.keep_max = tries, keep_scale, keep_max
        self.spatial, self.temporal, self.common = spatial, temporal, common
        self.ppo = Ppo(**(ppo or {}))  # type: ignore[arg-type] # whole numbers and others, checked there
        self.features = Features(weights, network, device)

    def moves(self, task: Task) -> Proposals:
        """`samples` probes and one check an iteration."""
        bound, goal, ledger = task.bound, task.ledger.goal, task.ledger
        windows = Windows.over(bound.clean.shape[1:3], self.window, self.grid)
        team = self._team(bound.clean, windows, task.rng)
        eps = self.published_eps
        unit = theta_size(1.0, bound, published_eps=eps, min_levels=0)
        sigma = theta_size(self.sigma, bound, published_eps=eps, min_levels=self.min_levels)
        rate = Plateau(self.lr, self.min_lr, self.plateau, self.drop)
        theta, steep = np.zeros((2, *bound.clean.shape), np.float32)
        lead = odds(goal, task.clean)[1]
        gains: list[float] = []
        try:
            while True:
                choices = team.choose(self.kept_frames, self.tries)
                part = windows.index(choices.places, choices.kept)
                pairs = min(self.samples // 2, max((ledger.left - 1) // 2, 1))
                noise = task.rng.standard_normal((pairs, *theta[part].shape), np.float32)
                answers = yield probes(bound, theta, part, sigma * noise)
                if len(answers) < 2 * pairs or ledger.first_success is not None:
                    return
                losses = np.array([odds(goal, row)[0] for row in answers])
                slopes = pair_slopes(losses, ranked=True).astype(np.float32)
                gradient = np.tensordot(slopes, noise, 1) / (2 * pairs * sigma / unit)
                step = (rate.rate * unit * gradient).astype(np.float32)
                theta[part] -= step
                theta = bound.inside(theta)
                steep[part] += np.abs(gradient)
                check = (yield bound.render(theta)[None])[0]
                if ledger.first_success is not None or not ledger.left:
                    return
                loss, now = odds(goal, check)
                rate.tell(loss)
                gain = relative_gain(lead, now)
                team.learn(choices, gain - float(np.mean(gains or 0.0)))
                lead, gains = now, [*gains, gain]
        finally:
            note_pictures(task, theta, steep, self.threat_model.game.grid)

    def _team(self, clip: Frames, windows: Windows, rng: np.random.Generator) -> "Team":
        maps = self.features.maps(clip)
        pooled = maps.mean((2, 3))
        maps = F.adaptive_avg_pool2d(maps, (min(maps.shape[2], CELLS), min(maps.shape[3], CELLS)))
        draws = torch.Generator().manual_seed(int(rng.integers(2**63)))
        channels, cells, hidden = maps.shape[1], maps[0, 0].numel(), self.ppo.hidden
        places = len(windows.corners)
        return Team(
            Agent(lambda: SpatialNet(channels, cells, places, hidden), maps, self.ppo, draws),
            Agent(
                lambda: TemporalNet(channels, hidden, self.keep_scale, self.keep_max),
                pooled, self.ppo, draws,
            ),
            self.spatial * torch.from_numpy(objectness(clip, windows)),
            self.temporal * representativeness(pooled),
            self.common,
        )  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """What both agents chose in an iteration, and the log-probabilities (T, choices) before it.

    Attributes:
        places: number of each frame's window, int64 (T,).
        kept: 1 for frames that are attacked, else 0, int64 (T,).
        spatial: the spatial agent's policy.
        temporal: the temporal agent's policy.
        max_frames: the most frames that may be kept.
    """

    places: Tensor
    kept: Tensor
    spatial: Tensor
    temporal: Tensor
    max_frames: int


@dataclass(frozen=True)
class Team:
    """Both agents and what rewards them.

    Attributes:
        spatial: chooses windows.
        temporal: chooses frames.
        objects: intrinsic reward of each window of each frame, weighted, (T, places).
        likeness: intrinsic reward of keeping each frame, weighted, (T,).
        common: share of the common reward in the temporal agent's.
    """

    spatial: Agent
    temporal: Agent
    objects: Tensor
    likeness: Tensor
    common: float

    def choose(self, limits: tuple[int, int], tries: int) -> Choices:
        """Draw windows and frames; after `tries` bad numbers of frames, `limits[1]` random ones."""
        where, when = self.spatial.policy(), self.temporal.policy()
        for _ in range(tries):
            kept = self.temporal.draw(when)
            if limits[0] <= int(kept.sum()) <= limits[1]:
                break
        else:
            order = torch.randperm(len(when), generator=self.temporal.rng)
            kept = (order < limits[1]).long()
        return Choices(self.spatial.draw(where), kept, where, when, limits[1])

    def learn(self, choices: Choices, common: float) -> None:
        """Reward both agents for their choices, frame by frame, and train them.

        Args:
            choices: of this iteration.
            common: the common reward.
        """
        own = self.objects.gather(1, choices.places[:, None]).squeeze(1)
        self.spatial.learn(choices.places, choices.spatial, own + common)
        surplus = (int(choices.kept.sum()) - choices.max_frames) / len(choices.kept)
        shared = self.common * common - (1 - self.common) * surplus**2
        own = self.likeness * choices.kept
        self.temporal.learn(choices.kept, choices.temporal, own + shared)


def probes(bound: Bound, theta: Floats, part: Index, noise: Floats) -> Frames:
    """Clips uint8 (2 N, T, H, W, 3): theta with the part plus and minus each noise (N, K, h, w, 3)."""
    inside = Bound(
        bound.clean[part], bound.delta[part], bound.low, bound.lower[part], bound.upper[part]
    )
    clips = np.repeat(bound.render(theta)[None], 2 * len(noise), axis=0)
    clips[:, part[0], part[1], part[2]] = probe_pairs(inside, theta[part], noise)
    return clips


def odds(goal: Goal, scores: NDArray[np.float32]) -> tuple[float, float]:
    """The loss p_y - p_2 and the lead e^p_2 - e^p_y of scores (C,).

    y is the true class and 2 the best other one; of a targeted goal, y is the best class other
    than the target, and 2 the target.
    """
    named = goal.label if goal.target is None else goal.target
    here, best = float(scores[named]), float(np.delete(scores, named).max())
    p_y, p_2 = (here, best) if goal.target is None else (best, here)
    return p_y - p_2, float(np.exp(p_2) - np.exp(p_y))


def relative_gain(before: float, after: float) -> float:
    """The common reward, less its running mean: growth of the lead over twice its former size."""
    return (after - before) / (2 * max(abs(before), 1e-6))


def representativeness(pooled: Tensor) -> Tensor:
    """How typical each frame is of the clip: the mean over i of exp(-||f_i - f_t|| / T), (T,)."""
    return torch.exp(-torch.cdist(pooled, pooled) / len(pooled)).mean(0)
