"""What an endpoint answers (all scores, the best classes or a label) as rows of probabilities."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from video_attack.envs.victims.base import Scores, VictimError
from video_attack.envs.victims.preprocess import TOLERANCE, probabilities


def read_answer(
    found: Mapping[str, Any],
    clips: int,
    classes: Sequence[str],
    source: str,
    *,
    outputs: str = "probabilities",
    feedback: str = "scores",
    top_k: int = 5,
) -> Scores:
    """Probabilities, float32 (clips, classes), zero for classes that an answer does not name.

    Args:
        found: holds "scores", "top" or "labels"; the one that tells most is read. See
            video_attack.envs.victims.endpoint.Endpoint.
        clips: number of clips that were asked about.
        classes: class names.
        source: what errors call the endpoint.
        outputs: what scores are, "logits" or "probabilities".
        feedback: what the attacker is to see, "scores", "topk" or "label".
        top_k: classes shown when feedback is "topk".

    Raises:
        VictimError: an answer of another form, or one that tells less than `feedback` says.
    """
    if "scores" in found:
        return probabilities(found["scores"], clips, len(classes), outputs, source)
    rows = np.zeros((clips, len(classes)), np.float32)
    if "top" in found:
        if outputs != "probabilities":
            raise VictimError(
                f"{source} answers the best classes only, and {outputs} of some classes say nothing of "
                "their probabilities: answer probabilities and set model.outputs=probabilities"
            )
        for row, pairs in zip(rows, _listed(found["top"], clips, source), strict=True):
            _fill(row, pairs, classes, source)
        shown = min((len(pairs) for pairs in found["top"]), default=0)
        wanted = {"scores": len(classes), "topk": min(top_k, len(classes)), "label": 1}[feedback]
        if shown < wanted:
            raise VictimError(
                f"{source} answers the {shown} best classes only: set model.feedback=topk "
                f"model.top_k={shown}"
            )
        return rows
    if feedback != "label":
        raise VictimError(f"{source} answers labels only: set model.feedback=label")
    labels = _listed(found["labels"], clips, source)
    rows[np.arange(clips), [_index(label, classes, source) for label in labels]] = 1
    return rows


def _listed(found: Any, clips: int, source: str) -> list[Any]:
    if not isinstance(found, list) or len(found) != clips:
        count = len(found) if isinstance(found, list) else "no"
        raise VictimError(
            f"{source} gave {count} answers to {clips} clips: it must give one a clip"
        )
    return found


def _fill(row: Scores, pairs: Any, classes: Sequence[str], source: str) -> None:
    try:
        top = {_index(name, classes, source): float(value) for name, value in pairs}
        right = len(top) == len(pairs) > 0 and all(map(math.isfinite, top.values()))
    except (TypeError, ValueError, OverflowError):  # the last: an integer beyond floats
        right = False
    if not right:
        raise VictimError(
            f"{source} answered {str(pairs)[:80]} as a clip's best classes: it must be a list of "
            "[class, probability], each class once"
        )
    if min(top.values()) < 0 or sum(top.values()) > 1 + TOLERANCE:
        raise VictimError(
            f"{source} answers no probabilities for its best classes ({str(top)[:80]}): each must be at "
            "least 0 and all of a clip at most 1 together; divide per cent by 100"
        )
    row[list(top)] = list(top.values())


def _index(label: Any, classes: Sequence[str], source: str) -> int:
    """The class that an index or a name means."""
    if isinstance(label, str) and label in classes:
        return classes.index(label)
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
        return label
    raise VictimError(
        f"{source} answered the class {str(label)[:80]!r}, which is neither a name nor an index of "
        f"the {len(classes)} configured: correct model.labels or model.classes"
    )
