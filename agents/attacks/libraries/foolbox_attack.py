"""An attack of Foolbox 3 (Rauber et al., Foolbox Native, JOSS 2020)."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from video_attack.agents.attacks.base import Task, ThreatModel
from video_attack.agents.attacks.libraries.library_attack import LibraryAttack, Pixels
from video_attack.agents.core.errors import ConfigError


class FoolboxAttack(LibraryAttack):
    """Any class of `foolbox.attacks`, as a contender; see LibraryAttack.

    HopSkipJumpAttack, BoundaryAttack, SaltAndPepperNoiseAttack and the additive noises take clips as they
    are; LinfPGD, L2DeepFoolAttack and their like need `gradients=true`.

    Args:
        threat_model: see ThreatModel.
        method: see LibraryAttack, as for the other three.
        keys: arguments of its constructor.
        layout: video or image.
        gradients: hand it the victim's network.
        epsilon: of attacks with a fixed one, on [0, 1]; None: that of the comparison's Linf or L2 bound.

    Raises:
        ConfigError: see LibraryAttack; or an attack needs an epsilon and there is none.
    """

    name = "foolbox"
    library, package = "foolbox", "foolbox"

    def __init__(
        self, threat_model: ThreatModel, *, method: str, keys: Mapping[str, Any] | None = None,
        layout: str = "video", gradients: bool = False, epsilon: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(threat_model, method=method, keys=keys, layout=layout, gradients=gradients)
        bound = threat_model.bound
        own = bound.eps / 255 if bound.eps is not None else bound.radius
        self.epsilon = own if epsilon is None else epsilon

    def attack(self, ask: Any, clean: Pixels, task: Task) -> Pixels:
        """See LibraryAttack."""
        import foolbox

        made: Any = getattr(foolbox.attacks, self.method, None)
        fits = inspect.isclass(made) and issubclass(made, foolbox.attacks.Attack)
        if not fits:
            raise ConfigError(
                f"attack.method={self.method!r}: name a class of foolbox.attacks, such as HopSkipJumpAttack"
            )
        method, extra = made(**self.keys), {}
        if isinstance(method, foolbox.attacks.base.FixedEpsilonAttack):
            if self.epsilon is None:
                raise ConfigError(
                    f"{self.method} needs attack.epsilon, since bound={self.threat_model.bound.kind} has none"
                )
            extra = {"epsilon": self.epsilon}
        label, targeted = self.labels(task)
        kind = (
            foolbox.criteria.TargetedMisclassification
            if targeted
            else foolbox.criteria.Misclassification
        )
        model = self._model(ask)
        try:
            found = method.run(model, torch.from_numpy(clean), kind(torch.tensor([label])), **extra)
        except ValueError as error:
            if "failed for" not in str(error):
                raise
            return clean  # no clip to start from was found: this one is not flipped
        pixels: Pixels = found.numpy(force=True)
        return pixels

    def _model(self, ask: Any) -> Any:
        import foolbox

        if self.network is not None:
            return foolbox.PyTorchModel(self.network.eval(), bounds=(0, 1))

        class Asked(foolbox.models.Model):
            bounds = foolbox.types.Bounds(0, 1)

            def __call__(self, inputs: Any) -> Any:
                x, back = foolbox.models.base.ep.astensor_(inputs)
                answers = ask(x.raw.numpy(force=True).astype(np.float32))
                return back(
                    foolbox.models.base.ep.astensor(torch.from_numpy(np.ascontiguousarray(answers)))
                )

        return Asked()
