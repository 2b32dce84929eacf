"""What should make a reader suspicious of figures: one sentence each, with what it was seen from."""

from video_attack.envs.metrics.optimality import common
from video_attack.envs.metrics.rates import paired_bootstrap_ratio
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.summary import queries_to_flip

CHANCE = "random"  # how records call the attack that draws its moves
FEW = 10  # clips below which a figure may be chance
APART = 0.05  # nats between two answers to one clip: more than another batch's rounding
SURE = 16.0  # nats: a float32 softmax has no more digits for the second class


def hints(found: Found, feedback: str = "scores") -> list[str]:
    """Sentences on figures that smell; none where all is well.

    After the checks that Carlini et al. (2019, arXiv 1902.06705, section 4) and Croce and Hein (2020,
    arXiv 2003.01690) ask for: an attack that never succeeds, one without information that beats those
    that have it, answers that change from one call to the next, probabilities without digits.

    Args:
        found: records by attack.
        feedback: what the victim shows: scores, topk or label.
    """
    sentences = [*_dead(found), *_chance_ahead(found), *_unsteady(found)]
    return sentences if feedback == "label" else [*sentences, *_saturated(found)]


def _dead(found: Found) -> list[str]:
    attacked = {name: [r for r in records if r["attacked"]] for name, records in found.items()}
    flips = {name: sum(r["success"] for r in records) for name, records in attacked.items()}
    asked = {name: records for name, records in attacked.items() if len(records) >= FEW}
    dead = [name for name in asked if not flips[name]]
    if not dead:
        return []
    if not any(flips.values()):
        return [
            f"No attack flipped any of {max(map(len, asked.values()))} clips. Either the bound or the "
            "budget is too small, or the victim ignores its input: see that attack=none with a strong "
            "distortion lowers its accuracy."
        ]
    return [
        f"{', '.join(dead)} flipped nothing where others did: see that its constants suit this bound and "
        "budget before its row is quoted."
    ]


def _chance_ahead(found: Found) -> list[str]:
    """Whether the attack by chance needs fewer queries than each other one, beyond the interval."""
    if CHANCE not in found or len(found) < 3:
        return []
    shared = common(found)
    ours = [queries_to_flip(record) for record in shared[CHANCE]]
    if len(ours) < FEW:
        return []
    others = [records for name, records in shared.items() if name != CHANCE]
    worst = [
        paired_bootstrap_ratio(ours, [queries_to_flip(r) for r in records])[2] for records in others
    ]
    if not max(worst) < 1:
        return []
    return [
        f"{CHANCE}, which looks at no score, needs fewer queries than all {len(others)} attacks that do: "
        "scores mislead them. Masked gradients, a noisy victim or one that rounds its scores do that."
    ]


def _unsteady(found: Found) -> list[str]:
    """Whether the clean clip, which every attack asks about first, was answered alike each time."""
    gaps: dict[str, list[float]] = {}
    for records in found.values():
        for record in records:
            if record.get("clean_gap") is not None:
                gaps.setdefault(record["id"], []).append(record["clean_gap"])
    asked = [answers for answers in gaps.values() if len(answers) > 1]
    apart = [max(answers) - min(answers) for answers in asked]
    unlike = sum(gap > APART for gap in apart)
    if not unlike:
        return []
    return [
        f"The victim is not deterministic: for {unlike} of {len(asked)} clips the margin of the clean clip, "
        f"asked once by each attack, differs by up to {max(apart):.2g} nats. Some successes may be noise; "
        "bfloat16 in batches of other clips does this too (side_by_side=1 rules that out)."
    ]


def _saturated(found: Found) -> list[str]:
    clean: dict[str, Record] = {}
    for records in found.values():
        clean |= {r["id"]: r for r in records if r["attacked"] and r.get("clean_gap") is not None}
    sure = sum(record["clean_gap"] >= SURE for record in clean.values())
    if len(clean) < FEW or sure < len(clean) / 2:
        return []
    return [
        f"The victim's probabilities are saturated: for {sure} of {len(clean)} clean clips the second class "
        f"is {SURE:g} nats or more below the first, beyond the digits of float32, so that small drops do not "
        "show. Let it answer logits, or raise the temperature of its softmax."
    ]
