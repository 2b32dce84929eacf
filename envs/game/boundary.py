"""Where the boundary lies on the line from the clean clip through a perturbed one."""

import numpy as np

INSIDE = (
    0.01  # how far past the boundary a rescaled clip should lie, as a share of the clean margin
)
POWERS = (0.5, 8.0)  # least and largest power of the norm by which the margin falls
STEADY = 0.02  # rescaling by more than this tells little of a stroke that comes with it


class Line:
    """How the margin falls along it: by a power of the norm, the first until two points have shown another.

    Args:
        clean_gap: margin of the clean clip in nats, above 0; see `Goal.gap`.
        reference: the largest norm that is spoken of.
    """

    def __init__(self, clean_gap: float, reference: float) -> None:
        self._clean_gap, self._reference, self._power = clean_gap, reference, 1.0

    def boundary_norm(self, norm: float, gap: float) -> float:
        """Norm that a perturbation would have where the margin is 0, or rather just past it.

        At most the reference (a tenth of the scale of values everywhere), which also stands for a
        perturbation that does not lower the margin.

        Args:
            norm: of the perturbation.
            gap: margin in nats with it.
        """
        fallen = self._clean_gap - gap
        if fallen <= 0 or norm <= 0:
            return self._reference
        share = self._clean_gap * (1 + INSIDE) / fallen
        return float(min(norm * share ** (1 / self._power), self._reference))

    def drop(self, gap: float, factor: float) -> float:
        """By how much the margin should fall from `gap` on, by scaling the perturbation alone."""
        return float((self._clean_gap - gap) * (factor**self._power - 1))

    def learn(self, before: tuple[float, float], after: tuple[float, float]) -> None:
        """See from two points (norm, gap) of the line how the margin falls, where they lie apart."""
        (norm, gap), (scaled, answer) = before, after
        fallen, falls = self._clean_gap - gap, self._clean_gap - answer
        if min(fallen, falls, norm, scaled) <= 0:
            return
        ratio = float(np.log(scaled / norm))
        if abs(ratio) > STEADY / 2:
            self._power = float(np.clip(np.log(falls / fallen) / ratio, *POWERS))
