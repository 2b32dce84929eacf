"""What the answers to clean clips say about the victim itself: signs that it is asked wrongly."""

from collections.abc import Sequence

from scipy.stats import binom

_FEWEST = 5  # clips; of fewer, nothing can be said
_MANY = 10  # classes; where there are fewer, chance alone is right often
_LIKELY = 0.05


def doubts(labels: Sequence[int], predictions: Sequence[int], classes: Sequence[str]) -> list[str]:
    """Sentences on answers that are no better than chance, or the same to every clip.

    Args:
        labels: of the clips.
        predictions: the victim's best class of each clean clip.
        classes: the victim's class names.

    Returns:
        None, one or two; none for fewer than five clips.
    """
    count = len(labels)
    if count < _FEWEST:
        return []
    found = []
    if len(set(predictions)) == 1 < len(set(labels)):
        found.append(
            f"The victim answers {classes[predictions[0]]} to all {count} clips, of {len(set(labels))} "
            "classes: see that it has its trained weights, and that clips are cut and scaled as in its "
            "training (dataset.cut; model.mean, model.std, model.channels where it has them)."
        )
    right = sum(a == b for a, b in zip(labels, predictions, strict=True))
    if _by_chance(right, count, len(classes)):
        found.append(
            f"The victim is right on {right} of {count} clips, no better than chance (1 of "
            f"{len(classes)}): its class names may be in another order than its scores (model.labels), "
            "or clips may be cut or scaled otherwise than in its training."
        )
    return found


def _by_chance(right: int, count: int, classes: int) -> bool:
    """Whether so many are right by chance: at most its share, or a little more of few clips."""
    if right * classes <= count:
        return True
    near = classes >= _MANY and right * classes <= 3 * count
    return near and bool(binom.sf(right - 1, count, 1 / classes) > _LIKELY)
