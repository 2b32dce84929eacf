"""An evasion attack of ART, the Adversarial Robustness Toolbox (Nicolae et al., arXiv:1807.01069)."""

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Task
from video_attack.agents.attacks.libraries.library_attack import LibraryAttack, Pixels
from video_attack.agents.core.errors import ConfigError


class ArtAttack(LibraryAttack):
    """Any class of `art.attacks.evasion` that takes a classifier, as a contender; see LibraryAttack.

    HopSkipJump takes clips as they are, in ART's video layout; SquareAttack, SimBA and others that want
    images need `layout=image`. ProjectedGradientDescent and its like need `gradients=true`. `targeted`,
    `verbose` and the label are given to it.
    """

    name = "art"
    library, package = "art", "adversarial-robustness-toolbox"
    parts = ("art.attacks.evasion", "art.estimators.classification")

    def attack(self, ask: Any, clean: Pixels, task: Task) -> Pixels:
        """See LibraryAttack."""
        from art.attacks import EvasionAttack, evasion

        made: Any = getattr(evasion, self.method, None)
        fits = inspect.isclass(made) and issubclass(made, EvasionAttack)
        if not fits:
            raise ConfigError(
                f"attack.method={self.method!r}: name a class of art.attacks.evasion, such as HopSkipJump"
            )
        label, targeted = self.labels(task)
        given = {"targeted": targeted, "verbose": False}
        own = {key: value for key, value in given.items() if key in made.attack_params}
        method = made(self._classifier(ask, clean, len(task.clean)), **{**own, **self.keys})
        wanted = np.zeros((1, len(task.clean)), np.float32)
        wanted[0, label] = 1
        found: Pixels = method.generate(clean, wanted)
        return found

    def _classifier(self, ask: Any, clean: Pixels, classes: int) -> Any:
        from video_attack.agents.attacks.libraries.art_classifiers import black_box, white_box

        if self.network is not None:
            return white_box(self.network, clean.shape[1:], classes)

        def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
            answers: NDArray[np.float32] = ask(pixels)
            return answers

        return black_box(predict, clean.shape[1:], classes)
