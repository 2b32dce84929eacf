"""No attack: only the clean query, for clean accuracy."""

from agents.attacks.base import Attack, Proposals, Task


class NoAttack(Attack):
    """Asks about nothing but the clean clip."""

    name = "none"

    def moves(self, task: Task) -> Proposals:
        """No moves."""
        yield from ()
