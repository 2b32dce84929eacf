"""A victim whose answers are a script, and moves by name, for tests of an episode's rules."""

import numpy as np
from toys import FRAMES, SIZE, CountingVictim, softmax, toy_env

from video_attack.envs.clip import Clip
from video_attack.envs.datasets.base import ClipDataset
from video_attack.envs.distortions.texture import texture
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import RewardWeights
from video_attack.envs.game.moves import ACTS, RESCALES, SPATIAL

WEIGHTS = RewardWeights(margin=1.7, flip=0.9, norm=2.3, flicker=0.6, query=0.05)


class Scripted(CountingVictim):
    """Answers a script of margins in nats, whatever it is asked; a negative one is a flip."""

    def __init__(self, *gaps):
        super().__init__()
        self.script, self.seen = list(gaps), []

    def scores_of(self, number):
        gap = self.script[min(number, len(self.script) - 1)]
        return softmax(np.array([[gap / 2, -gap / 2, -30.0]]))

    def answer(self, clips):
        self.seen.append(clips[0].copy())
        return self.scores_of(len(self.seen) - 1)


class GreyClips(ClipDataset):
    """One even grey, so that rounding is the same up and down."""

    classes = CountingVictim.classes

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return Clip(np.full((FRAMES, SIZE, SIZE, 3), 128, np.uint8), 0, f"grey-{index}")


def scripted_env(*gaps, **rules):
    given = {"bound": BoundConfig("none"), "distort": texture, "reward": WEIGHTS, **rules}
    env = toy_env(Scripted(*gaps), GreyClips(), **given)
    env.reset(seed=0)
    return env


def actions(env, act="paint", rescale="leave", patch=5, size=1, **named):
    """A move on a patch in the middle of all frames, unless said otherwise."""
    config = env.config
    place = patch * len(config.sizes) + size
    spatial = dict.fromkeys(SPATIAL, 0) | {"patch": place, "scale": 2, "strength": 3} | named
    spatial |= {"act": ACTS.index(act), "rescale": RESCALES.index(rescale)}
    times = np.array([(len(config.windows) - 1) * len(config.strides), 0])
    return {"spatial": np.array([spatial[key] for key in SPATIAL]), "temporal": times}
