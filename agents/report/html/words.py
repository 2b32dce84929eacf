"""The report's sentences: what was attacked, with what, what came out, how it was counted."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from video_attack.agents.report.html.markup import Markup, tag
from video_attack.agents.report.run_files import Run
from video_attack.agents.report.victim_name import victim_name
from video_attack.envs.metrics.doubts import doubts
from video_attack.envs.metrics.hints import hints
from video_attack.envs.metrics.optimality import competing
from video_attack.envs.metrics.record import Found, Record
from video_attack.envs.metrics.statement import robustness_statement
from video_attack.envs.metrics.summary import queries_to_flip, summary

COUNTED = (
    "Every clip that passes through the victim is one query, whatever it is for, the clean one "
    "included; the budget is hard.",
    "Only clips that the victim gets right are attacked. Success is decided on uint8 clips, with the "
    "data set's label, in one place for all attacks.",
    "All attacks meet the same clips with the same seed, the same bound and the same budget.",
    "ASR: flipped / attacked, with the exact (Clopper-Pearson) 95 % interval. AQ: mean queries to the "
    "first flip over all attacked clips, a failure counting its whole budget. Median: over flipped clips.",
    "Sizes are means over flipped clips: L2 and Linf of the whole clip with values in [0, 1]; MAP, the "
    "mean absolute change, on 0-255; PSNR in dB, of the whole clip, and as the mean of frames, in which "
    "an untouched one counts 100; SSIM and, where it was measured, LPIPS (0: equal, to about 1) as means "
    "over all frames and over those that were changed.",
    "Steadiness, over flipped clips too: roughness, how much the change differs from frame to frame, on "
    "0-255; warping error, the flicker that the attack adds along the clean clip's motion, between -1 "
    "and 1 before it is printed times 1000, negative where the attack smooths.",
    "From a file: the clip was written lossless (FFV1) or as H.264 at that CRF, read again and shown "
    "to the victim once more; these looks are not among the queries, nor is the one look of a victim in "
    "reduced precision in float32.",
)


def lead(run: Run) -> list[Markup]:
    """Three paragraphs of a sentence each; the third ends with what may be claimed."""
    records = next(iter(run.records.values()))
    figures = summary(records)
    right = round(figures["clean_accuracy"] * len(records))
    victim = tag("b", victim_name(run.config, "The victim"))
    first = (
        f" was shown {_count(len(records), 'clip')} of {named(run.config.get('dataset'), 'the data set')}"
        f"{_answers(run.config)}, and got {right} of them right ({100 * right / len(records):.0f} %)."
    )
    names = list(run.records)
    who = f"{len(names)} attacks ({', '.join(names)})" if len(names) > 1 else names[0]
    each = "each with" if len(names) > 1 else "with"
    targeted = (run.config.get("env") or {}).get("target", "none") != "none"
    aim = "make it see a chosen class in" if targeted else "change its answer to"
    second = (
        f"{who[0].upper()}{who[1:]} then tried to {aim} {_count(int(figures['attacked']), 'clip')}, "
        f"{each} at most {_budget(records)} queries a clip, where {_bound(run.config)}."
    )
    return [tag("p", victim, first), tag("p", second), _outcome(run)]


def strongest(found: Found) -> str:
    """The attack that flips most of its clips, of equal ones that with the fewest mean queries.

    One that has not attacked all clips yet comes last. A yardstick is named only where it is alone.
    """
    found = competing(found)

    def rank(name: str) -> tuple[float, float, float]:
        figures = summary(found[name])
        asr = figures["asr"] if figures["attacked"] else -1.0
        return -figures["attacked"], -asr, figures["aq"] if figures["attacked"] else math.inf

    return min(found, key=rank)


def named(group: Any, otherwise: str) -> str:
    """What a config group chose, by the last part of its `_target_`."""
    target = group.get("_target_") if isinstance(group, Mapping) else None
    return str(target).rsplit(".", 1)[-1] if target else otherwise


def _outcome(run: Run) -> Markup:
    name = strongest(run.records)
    records = run.records[name]
    attacked = [record for record in records if record["attacked"]]
    flips = [record for record in attacked if record["success"]]
    if not attacked:
        return tag("p", "There was nothing to attack: no clip was got right.")
    bound = run.config.get("bound") or {}
    eps = bound.get("eps")
    sizes = [record["l2"] for record in flips]
    limits: dict[str, Any] = {}
    if eps:
        limits = {"norm": eps / 255, "norm_name": "linf"}
    elif bound.get("radius"):
        limits = {"norm": bound["radius"], "norm_name": "l2"}
    elif flips and all(map(math.isfinite, sizes)):
        limits = {"norm": _rounded_up(max(sizes))}
    if any(not math.isfinite(r[limits.get("norm_name", "l2")]) for r in flips):
        limits = {}
    claim = str(robustness_statement(records, **limits))
    if not flips:
        return tag("p", tag("strong", claim))
    figures = summary(records)
    half = sorted(queries_to_flip(record) for record in flips)[(len(flips) - 1) // 2]
    best = "It" if len(run.records) == 1 else tag("b", name)
    does = " flipped " if len(run.records) == 1 else " was the strongest: it flipped "
    rate = (
        f"{len(flips)} of {len(attacked)} ({100 * figures['asr']:.0f} %), half of them within "
        f"{half} queries; "
    )
    return tag("p", best, does, rate[:-2], ". ", tag("strong", claim))


def warnings(run: Run) -> list[Markup]:
    """What should make a reader suspicious of the figures; nothing where all is well."""
    feedback = str((run.config.get("model") or {}).get("feedback", "scores"))
    found = [*_of_the_victim(run), *hints(run.records, feedback)]
    if not found:
        return []
    return [tag("div", *(tag("p", sentence) for sentence in found), class_="hint")]


def _of_the_victim(run: Run) -> list[str]:
    """What the answers to clean clips say against the victim; nothing where the files do not hold them."""
    classes = run.origin.get("classes")
    first = next(iter(run.records.values()))
    if not isinstance(classes, list) or any("clean_prediction" not in record for record in first):
        return []
    labels, answers = ([record[key] for record in first] for key in ("label", "clean_prediction"))
    if not all(0 <= number < len(classes) for number in (*labels, *answers)):
        return []
    return doubts(labels, answers, [str(name) for name in classes])


def _rounded_up(size: float) -> float:
    """At least `size`, of three digits: what is printed must not leave out the largest success."""
    if size <= 0:
        return size
    step = 10.0 ** (math.floor(math.log10(size)) - 2)
    return max(size, math.ceil(size / step) * step)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _answers(config: Mapping[str, Any]) -> str:
    model = config.get("model") or {}
    words = {
        "scores": "answering with all scores",
        "topk": f"answering with its {model.get('top_k')} best scores",
        "label": "answering with a label only",
    }.get(str(model.get("feedback")))
    defence = named(config.get("defence"), "")
    parts = [words, f"behind the defence {defence}" if defence else None]
    said = ", ".join(part for part in parts if part)
    return f", {said}" if said else ""


def _budget(records: Sequence[Record]) -> str:
    budgets = sorted({int(record["budget"]) for record in records})
    return str(budgets[0]) if len(budgets) == 1 else f"{budgets[0]} to {budgets[-1]}"


def _bound(config: Mapping[str, Any]) -> str:
    bound = config.get("bound") or {}
    if bound.get("eps"):
        return f"no value of a pixel may move by more than {bound['eps']} of 255 levels (Linf)"
    if bound.get("kind") == "l2":
        return (
            f"the change of the whole clip may be no larger than {bound.get('radius')} (L2, values in "
            "[0, 1])"
        )
    if bound.get("kind") == "none":
        return "any change is allowed, and its norm is what an attack keeps small"
    distortion = config.get("distortion") or {}
    kind = named(distortion, "the distortion").replace("_", " ")
    return (
        "each value of a pixel must stay between that of the clean clip and that under "
        f"{kind} of severity {distortion.get('severity', '?')}"
    )
