"""An attack of one's own: clips that are brightened or darkened as a whole."""

from video_attack.agents.attacks.base import Attack


class Flat(Attack):
    """A random shift of each colour channel, a new one each query."""

    name = "flat"
    shrinks = False

    def moves(self, task):
        """Propose clips, uint8 (1, T, H, W, 3); what is sent back are the visible scores (1, C)."""
        while True:
            shift = task.rng.uniform(-1, 1, (1, 1, 1, 3))
            answers = yield task.bound.render(shift)[None]
            del answers  # a better attack would look at them
