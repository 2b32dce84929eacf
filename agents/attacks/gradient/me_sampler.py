"""ME-Sampler: noise that moves as the clip does.

Zhang et al., "Motion-Excited Sampler: Video Adversarial Attack with Sparked Prior", ECCV 2020.
"""

import itertools
from collections.abc import Iterator

import cv2
import numpy as np

from video_attack.agents.attacks.base import Task
from video_attack.agents.attacks.gradient.warps import Positions, WarpedNoise
from video_attack.envs.clip import Frames


class MeSampler(WarpedNoise):
    """`WarpedNoise` along the motion of the clean clip.

    Each value of the noise follows the point of the scene that it lies on in the first frame. The
    authors read motion vectors, accumulated back to the last whole picture, out of the compressed
    file; a clip here is pixels, so dense optical flow (Farneback, SCIA 2003, in OpenCV) of the clean
    clip stands for them, which costs no query. Published with 0.03 as the bound and 60,000 queries;
    here the comparison's hold. Their code repeats one map of motion in all frames of an iteration;
    this follows the paper, where each frame has its own.

    Args:
        threat_model: see ThreatModel.
        **constants: see WarpedNoise.
    """

    name = "me_sampler"
    shrinks = True
    published_eps = 0.03

    def positions(self, task: Task) -> Iterator[Positions]:
        """The same places for every noise frame."""
        return itertools.repeat(follow(task.bound.clean))


def follow(clip: Frames) -> Positions:
    """Where each point of each frame was in the first, (T, H, W, 2) as (x, y) in pixels.

    Flows from each frame back to the one before are chained, by looking the earlier places up where
    the flow leads; what came in over the border keeps the place of the border.
    """
    height, width = clip.shape[1:3]
    here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip]
    places = [here]
    for before, now in itertools.pairwise(grey):
        back = cv2.calcOpticalFlowFarneback(now, before, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        places.append(
            cv2.remap(
                places[-1], here + back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        )
    return np.stack(places)
