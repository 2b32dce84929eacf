"""EARL: a recurrent agent, trained on each clip, picks key frames; V-BAD moves inside them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from video_attack.agents.attacks.base import Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.estimate import Floats, margins
from video_attack.agents.attacks.gradient.vbad import Vbad
from video_attack.agents.attacks.queries import Queries
from video_attack.envs.clip import Frames


class Earl(Vbad):
    """Yan and Wei, Efficient sparse attacks on videos using reinforcement learning, ACM MM 2021.

    V-BAD estimates a step for all frames. The agent, a bidirectional LSTM over frame features,
    then draws selections of `key_frames` frames; the one whose sparse step comes nearest to what
    the dense step does is taken. Reward of a selection: exp(-|loss dense - loss sparse|), the
    losses being log-probability margins. REINFORCE with a running mean as baseline, plus a penalty
    that holds the mean probability at key_frames / T. The agent begins anew on every clip.
    An iteration costs samples + 1 queries and for the agent 1 + selections: the published code asks
    about the dense step again for each selection (2 x 5), to no gain.

    Args:
        threat_model: see ThreatModel.
        key_frames: K, the most frames that one step moves.
        selections: drawn an iteration.
        hidden: units of the LSTM, each way.
        agent_lr: Adam's step, also its weight decay.
        baseline: weight of earlier rewards in the running mean.
        **vbad: see Vbad.

    Raises:
        ValueError: key_frames or selections below 1; and see Vbad.
    """

    name = "earl"
    shrinks = True

    def __init__(
        self,
        threat_model: ThreatModel,
        *,
        key_frames: int = 2,
        selections: int = 5,
        hidden: int = 128,
        agent_lr: float = 1e-5,
        baseline: float = 0.9,
        **vbad: object,
    ) -> None:
        if min(key_frames, selections) < 1:
            raise ValueError(
                f"key_frames={key_frames}, selections={selections}: must be at least 1"
            )
        super().__init__(threat_model, **vbad)  # type: ignore[arg-type] # Vbad's own keys
        self.key_frames, self.selections, self.hidden = key_frames, selections, hidden
        self.agent_lr, self.baseline = agent_lr, baseline

    def start(self, task: Task) -> Floats:
        """V-BAD's first point in `key_frames` random frames, the others clean."""
        T = len(task.bound.clean)
        chosen = np.zeros(T, bool)
        chosen[task.rng.choice(T, min(self.key_frames, T), replace=False)] = True
        return super().start(task) * chosen[:, None, None, None]

    def moves(self, task: Task) -> Proposals:
        """V-BAD with a fresh agent that chooses its frames."""
        agent = FrameAgent(self, task)
        yield from self.descend(task, self.start(task), agent.choose)


class FrameAgent:
    """The agent of one clip.

    Args:
        attack: its constants and features.
        task: seeds the network's first weights.
    """

    def __init__(self, attack: Earl, task: Task) -> None:
        self.attack = attack
        width = attack.features.pooled(task.bound.clean[:1]).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(task.rng.integers(2**63)))
            self.net = FramePicker(width, attack.hidden)
        self.optimiser = torch.optim.Adam(
            self.net.parameters(), attack.agent_lr, weight_decay=attack.agent_lr
        )
        self.mean_reward = 0.0

    def choose(self, task: Task, theta: Floats, step: Floats) -> Queries[NDArray[np.bool_]]:
        """Ask about the dense step and each selection, learn from the rewards, return the best."""
        bound, attack = task.bound, self.attack
        pooled = attack.features.pooled(bound.render(theta))
        probability = self.net(pooled)
        chances = probability.detach().double().numpy()
        drawn = task.rng.random((attack.selections, len(theta))) < chances
        kept = np.stack([_likeliest(row, chances, attack.key_frames) for row in drawn])
        answers = yield self._clips(task, theta, step, kept)
        losses = margins(task, answers)
        rewards = np.exp(-np.abs(losses[0] - losses[1:]))
        if len(rewards):
            self._learn(probability, drawn[: len(rewards)], rewards)
        return kept[int(rewards.argmax())] if len(rewards) else kept[0]

    def _clips(self, task: Task, theta: Floats, step: Floats, kept: NDArray[np.bool_]) -> Frames:
        masks = np.concatenate([np.ones((1, len(theta)), bool), kept])[..., None, None, None]
        return np.stack([task.bound.render(theta + step * mask) for mask in masks])

    def _learn(
        self, probability: Tensor, drawn: NDArray[np.bool_], rewards: NDArray[np.float64]
    ) -> None:
        share = self.attack.key_frames / len(probability)
        cost = (probability.mean() - share) ** 2
        for row, reward in zip(drawn, rewards, strict=True):
            likelihood = -nn.functional.binary_cross_entropy(
                probability, torch.from_numpy(row).float()
            )
            cost = cost - likelihood * (reward - self.mean_reward)
        self.optimiser.zero_grad()
        cost.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        keep = self.attack.baseline
        self.mean_reward = keep * self.mean_reward + (1 - keep) * float(rewards.mean())


class FramePicker(nn.Module):
    """Probability of each frame, float32 (T,), from features float32 (T, C)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, hidden, bidirectional=True)
        self.out = nn.Linear(2 * hidden, 1)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        states, _ = self.lstm(features)
        return torch.sigmoid(self.out(states)).squeeze(1)


def _likeliest(
    drawn: NDArray[np.bool_], chances: NDArray[np.float64], limit: int
) -> NDArray[np.bool_]:
    """The drawn frames, cut to the `limit` likeliest; the likeliest of all where none was drawn."""
    order = np.argsort(-np.where(drawn, chances, chances - 2), kind="stable")
    kept = np.zeros_like(drawn)
    kept[order[: max(1, min(limit, int(drawn.sum())))]] = True
    return kept
