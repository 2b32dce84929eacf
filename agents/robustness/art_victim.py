"""ART's classifiers as victims, and victims as ART's classifiers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.gradient.surrogate import innermost
from video_attack.agents.attacks.libraries.art_classifiers import black_box, white_box
from video_attack.agents.attacks.libraries.gradients import ScaledLogits, check_scale
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.victims.base import Scores, Victim
from video_attack.envs.victims.preprocess import look_like_probabilities


class ArtVictim(Victim):
    """An ART classifier of clips (T, H, W, 3) as a victim.

    Args:
        estimator: classifier; its answers are taken as they are if they are probabilities, else as logits.

    Raises:
        ConfigError: its input is no clip of square frames, or it does not say its `clip_values`.
    """

    def __init__(self, estimator: Any) -> None:
        shape = tuple(estimator.input_shape)
        if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
            raise ConfigError(
                f"the classifier's input_shape is {shape}: it must be ART's video layout (T, H, W, 3), of "
                "square frames"
            )
        if estimator.clip_values is None:
            raise ConfigError("the classifier lacks clip_values: name black and white, as (0, 1)")
        self.estimator = estimator
        self.low, self.high = (float(np.asarray(edge).flat[0]) for edge in estimator.clip_values)
        self.classes = tuple(f"class_{i:03d}" for i in range(estimator.nb_classes))
        self.sampling = Sampling(frames=shape[0], size=shape[1], short_side=None, stride=1)

    def pixels(self, clips: Frames) -> NDArray[np.float32]:
        """Uint8 clips on the classifier's scale, float32."""
        share = clips.astype(np.float32) / np.float32(255)
        return self.low + share * np.float32(self.high - self.low)

    def levels(self, pixels: NDArray[Any]) -> Frames:
        """Clips on the classifier's scale as uint8, rounded.

        Raises:
            ValueError: no clips (N, T, H, W, 3), or outside of `clip_values`.
        """
        share = (np.asarray(pixels, np.float64) - self.low) / (self.high - self.low)
        if share.ndim != 5 or share.min() < -0.001 or share.max() > 1.001:
            raise ValueError(
                f"clips must be (N, T, H, W, 3) from {self.low:g} to {self.high:g}, not {share.shape} from "
                f"{np.min(pixels):g} to {np.max(pixels):g}"
            )
        check_scale(float(share.max()), 1.0)
        return np.clip(np.rint(share * 255), 0, 255).astype(np.uint8)

    def predict(self, clips: Frames) -> Scores:
        """See Victim."""
        rows = np.asarray(self.estimator.predict(self.pixels(clips)), np.float64)
        if not look_like_probabilities(rows):
            odds = np.exp(rows - rows.max(axis=1, keepdims=True))
            rows = odds / odds.sum(axis=1, keepdims=True)
        return rows.astype(np.float32)


def art_classifier(victim: Victim, gradients: bool = False, white: float = 1.0) -> Any:
    """A victim as an ART classifier of clips (N, T, H, W, 3), whatever its own layout and normalisation.

    Outside of the arena nothing counts its queries.

    Args:
        victim: any.
        gradients: False: a `BlackBoxClassifierNeuralNetwork`, whose clips are rounded to whole levels and
            whose answers are the victim's, defences included. True: a `PyTorchClassifier` of the bare
            network's logits.
        white: the upper one of `clip_values`, 1 or 255; the lower one is 0.

    Raises:
        ConfigError: gradients are wanted of a victim that shows none.
    """
    s = victim.sampling
    shape, values = (s.frames, s.size, s.size, 3), (0.0, white)
    if gradients:
        net = ScaledLogits(innermost(victim), white=white)
        return white_box(net, shape, len(victim.classes), values)

    def predict(pixels: NDArray[Any]) -> Scores:
        check_scale(float(pixels.max()), white)
        levels = np.rint(np.asarray(pixels, np.float32) * np.float32(255 / white))
        return victim.scores(np.clip(levels, 0, 255).astype(np.uint8))

    return black_box(predict, shape, len(victim.classes), values)
