"""A victim behind a defence that changes each clip before it is classified."""

import copy
import zlib
from collections.abc import Callable

import numpy as np

from video_attack.envs.clip import Frames, check_frames
from video_attack.envs.victims.base import Scores, Victim

Defend = Callable[[Frames, np.random.Generator], Frames]


class Defended(Victim):
    """Passes clips through a defence, then through the victim.

    A random defence draws from the clip's own bytes and the seed, so that the same clip is
    answered in the same way each time, whatever is asked beside it; an attacker cannot average the
    defence away by repeating one clip, but can with clips that differ little.

    Args:
        victim: the victim behind the defence.
        defend: (clip uint8 (T, H, W, 3), rng) -> clip of the same shape; it draws from rng only, and
            may overwrite the clip.
        votes: versions of each clip that are classified. With more than one, each casts one vote for
            its best class and the scores are the classes' shares of the votes. A tie for the first
            place is decided by one vote more, for the tied class with the highest mean score. A
            query of the attacker's stays one query, whatever the victim spends on it.
        seed: of random defences.

    Raises:
        ValueError: votes is below 1, or above 1 although the defence draws nothing from rng; the
            defence fails on a clip of the victim's size, or does not keep to what `defend` says.
    """

    def __init__(self, victim: Victim, defend: Defend, *, votes: int = 1, seed: int = 0) -> None:
        if votes < 1:
            raise ValueError(f"votes={votes}: must be at least 1")
        self.victim, self.defend, self.votes, self.seed = victim, defend, votes, seed
        self.classes, self.sampling = victim.classes, victim.sampling
        self.feedback, self.top_k = victim.feedback, victim.top_k
        # The victim gets about as many versions at once as it would get clips.
        self.max_batch = max(1, victim.max_batch // votes)
        self._try_out()

    def exact(self) -> "Defended | None":
        """See Victim: the same defence before the victim in float32."""
        inner = self.victim.exact()
        if inner is None:
            return None
        twin = copy.copy(self)
        twin.victim = inner
        return twin

    def predict(self, clips: Frames) -> Scores:
        """Scores of the defended clips; with several votes, the shares of votes."""
        versions = np.stack([frames for clip in clips for frames in self._versions(clip)])
        scores = self.victim.scores(versions).reshape(len(clips), self.votes, -1)
        return scores[:, 0] if self.votes == 1 else count_votes(scores)

    def _versions(self, clip: Frames) -> list[Frames]:
        rng = np.random.default_rng([self.seed, zlib.crc32(clip.tobytes())])
        return [self._defended(clip, rng) for _ in range(self.votes)]

    def _defended(self, clip: Frames, rng: np.random.Generator) -> Frames:
        version = self.defend(clip.copy(), rng)
        check_frames(version, name="the defence's answer")
        if version.shape != clip.shape:
            raise ValueError(f"the defence turned a clip {clip.shape} into {version.shape}")
        return version

    def _try_out(self) -> None:
        """Raise ValueError now on what would otherwise come up at the first query."""
        T, side = self.sampling.frames, self.sampling.size
        clip = np.random.default_rng(0).integers(0, 256, (T, side, side, 3), dtype=np.uint8)
        rng, again = np.random.default_rng(self.seed), np.random.default_rng(self.seed)
        untouched = rng.bit_generator.state
        if not np.array_equal(self._defended(clip, rng), self._defended(clip, again)):
            raise ValueError("the defence answers one clip in two ways: let it draw from rng only")
        if self.votes > 1 and rng.bit_generator.state == untouched:
            raise ValueError(
                f"votes={self.votes}: the defence draws nothing at random, so all would vote alike; "
                "use votes=1"
            )


def count_votes(scores: Scores) -> Scores:
    """Shares of the votes of several versions of each clip; see `Defended`.

    Args:
        scores: float32 (N, votes, classes), probabilities.

    Returns:
        float32 (N, classes), rows of sum 1 with one highest share each.
    """
    ballots = np.eye(scores.shape[-1])[scores.argmax(axis=-1)].sum(axis=1)
    first = ballots == ballots.max(axis=1, keepdims=True)
    tied = np.flatnonzero(first.sum(axis=1) > 1)
    means = scores.mean(axis=1, dtype=np.float64)
    ballots[tied, np.where(first, means, -1)[tied].argmax(axis=1)] += 1
    return (ballots / ballots.sum(axis=1, keepdims=True)).astype(np.float32)
