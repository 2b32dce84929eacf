"""Robustness without an attacker: accuracy on clean clips and under the plain distortion."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_attack.agents.core.build import build, locate
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.files import write_whole
from video_attack.agents.core.progress import Progress
from video_attack.agents.report.figures.confusion import confusion_picture
from video_attack.agents.report.figures.robustness import (
    Classified,
    clean_confusion,
    robustness_picture,
    tables,
)
from video_attack.agents.setup.attack_setup import AttackSetup
from video_attack.envs.clip import Clip, Frames
from video_attack.envs.datasets.base import DatasetError, load_clips
from video_attack.envs.game.ledger import QueryCoroutine, run_batched
from video_attack.envs.game.opening import open_clip
from video_attack.envs.game.palette import distorted_variants
from video_attack.envs.metrics.doubts import doubts
from video_attack.envs.victims.base import Victim

TOP = 5
SHOWN_CLASSES = 20  # a table by class that is longer goes into the files only


class CorruptionRobustness:
    """What `attack=none` names: no attack, but a measurement in its place.

    Args:
        severities: of the distortion, which is put on whole clips; none of them means clean only.

    Raises:
        ValueError: a severity that is not 1 to 5, or one given twice.
    """

    name = "none"

    def __init__(self, *, severities: Sequence[int] = (1, 2, 3, 4, 5)) -> None:
        if len(set(severities)) != len(severities) or not set(severities) <= {1, 2, 3, 4, 5}:
            raise ValueError(f"severities={list(severities)}: choose from 1 to 5, each once")
        self.severities = tuple(sorted(severities))


def asked_for(config: Mapping[str, Any]) -> CorruptionRobustness | None:
    """The measurement, where a run names it in place of its attacks."""
    chosen = [config.get("attack"), *(config.get("attacks") or {}).values()]
    for keys in chosen:
        if keys and locate(keys["_target_"]) is CorruptionRobustness:
            found: CorruptionRobustness = build("attack", keys)
            return found
    return None


def measure(
    severities: Sequence[int], setup: AttackSetup, config: Mapping[str, Any], folder: Path
) -> list[Classified]:
    """Classify test clips clean and at each severity; write records, tables and pictures.

    Args:
        severities: of the distortion, each 1 to 5, increasing; none of them means clean only.
        setup: the victim, the data set and the distortion.
        config: keys clips (0 = all), seed, side_by_side.
        folder: receives records.jsonl, table.txt, table.md, confusion.png and robustness.png.

    Returns:
        One record a clip in their order: id, label, class, seed, queries and answers (see
        `describe`), one a severity, 0 being clean.

    Raises:
        ConfigError: workers are asked for.
        DatasetError: there is no test clip, or none can be read.
    """
    if config.get("workers"):
        raise ConfigError(
            f"workers={config['workers']}: attack=none is one process's work; leave workers out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    classes = setup.victim.classes
    distortion = str(setup.config["distortion"]["_target_"]).rpartition(".")[2]
    with (folder / "records.jsonl").open("w") as lines:
        records = []
        for record in classify_clips(severities, setup, config):
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            records.append(record)
    if not records:
        raise DatasetError("the test split holds no clip: give a data set that has some")
    for name, markdown in (("table.txt", False), ("table.md", True)):
        text = "\n\n".join(tables(records, classes, distortion, markdown))
        write_whole(folder / name, f"{text}\n".encode())
    confusion_picture(folder / "confusion.png", clean_confusion(records, len(classes)), classes)
    if severities:
        robustness_picture(folder / "robustness.png", records, distortion)
    *shown, by_class = tables(records, classes, distortion)
    if len({record["label"] for record in records}) <= SHOWN_CLASSES:
        shown.append(by_class)
    clean = [record["answers"][0]["prediction"] for record in records]
    shown += doubts([record["label"] for record in records], clean, classes)
    print(*shown, f"records, tables and pictures: {folder}", sep="\n\n")
    return records


def classify_clips(
    severities: Sequence[int], setup: AttackSetup, config: Mapping[str, Any]
) -> Iterator[Classified]:
    """Records of the first `clips` test clips, in their order, `side_by_side` in a victim call."""
    dataset = setup.dataset("test")
    count = min(config["clips"] or len(dataset), len(dataset))
    bar = Progress("clean and distorted test clips", count, "clips")
    coroutines = (
        _coroutine(clip, severities, setup, config["seed"])
        for clip in load_clips(dataset, range(count))
    )
    hits = np.zeros(1 + len(severities), int)
    # All coroutines are equally long, so that they end in the order of the clips.
    for done, (_, record) in enumerate(
        run_batched(setup.victim, coroutines, config["side_by_side"]), start=1
    ):
        yield record
        hits += [answer["prediction"] == record["label"] for answer in record["answers"]]
        facts = {"clean": hits[0] / done}
        if severities:
            facts["distorted"] = hits[1:].mean() / done
        bar.advance(1, **facts)
    bar.close()


def _coroutine(
    clip: Clip, severities: Sequence[int], setup: AttackSetup, seed: int
) -> QueryCoroutine[Classified]:
    """One clip's queries, one after the other: clean, then each severity."""
    victim = setup.victim
    game = replace(setup.game, budget=1 + len(severities))
    ledger, scores, _ = yield from open_clip(clip, None, game, victim)
    answers = [{"severity": 0, **describe(scores, clip.label, victim)}]
    for severity in severities:
        scores = (yield ledger, _distorted(clip, severity, setup, seed)[None])[0]
        answers.append({"severity": severity, **describe(scores, clip.label, victim)})
    return {
        "id": clip.id,
        "label": clip.label,
        "class": victim.classes[clip.label],
        "seed": seed,
        "queries": ledger.spent,
        "answers": answers,
    }


def _distorted(clip: Clip, severity: int, setup: AttackSetup, seed: int) -> Frames:
    # The same randomness at each severity, whichever others are asked about.
    rng = np.random.default_rng([seed, zlib.crc32(clip.id.encode())])
    return distorted_variants(setup.distort, clip.frames, severity, 1, rng)[0]


def describe(scores: NDArray[np.float32], label: int, victim: Victim) -> dict[str, Any]:
    """What a victim's answer says, as plain values.

    Args:
        scores: what may be seen of the scores, (C,); see `video_attack.envs.game.threat.visible`.
        label: the clip's.
        victim: its `feedback` and `top_k` tell what the scores are.

    Returns:
        prediction: the best class.
        top5: the five best, best first; None when the victim shows fewer, or has no more.
        probability: the label's; None when the victim does not show it.
    """
    known = {"scores": len(scores), "topk": victim.top_k, "label": 1}[victim.feedback]
    best = np.argsort(-scores, kind="stable")[:TOP]
    told = victim.feedback == "scores" or (victim.feedback == "topk" and scores[label] > 0)
    return {
        "prediction": int(best[0]),
        "top5": best.tolist() if known >= TOP and len(scores) > TOP else None,
        "probability": float(scores[label]) if told else None,
    }
