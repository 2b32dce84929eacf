"""What can go wrong with an attack while others go on."""


class AttackError(RuntimeError):
    """An attack that failed; the message names it and the clip."""


class IncompleteError(RuntimeError):
    """A run in which an attack failed; whatever else it was to do is done."""
