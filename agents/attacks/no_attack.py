"""No attack: clean accuracy, and with severities the robustness to the plain distortion."""

from collections.abc import Sequence

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel


class NoAttack(Attack):
    """Asks about nothing but the clean clip.

    Args:
        threat_model: see ThreatModel.
        severities: of the distortion, which `agents.evaluation.corruptions` puts on whole clips.

    Raises:
        ValueError: a severity that is not 1 to 5, or one given twice.
    """

    name = "none"
    shrinks = False

    def __init__(self, threat_model: ThreatModel, *, severities: Sequence[int] = ()) -> None:
        super().__init__(threat_model)
        if len(set(severities)) != len(severities) or not set(severities) <= {1, 2, 3, 4, 5}:
            raise ValueError(f"severities={list(severities)}: choose from 1 to 5, each once")
        self.severities = tuple(sorted(severities))

    def moves(self, task: Task) -> Proposals:
        """No moves."""
        yield from ()
