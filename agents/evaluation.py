"""Evaluation: attacks on held-out clips, one record a clip, a table and pictures made from them."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.attacks.base import Attack, AttackResult
from agents.build import Setting
from agents.progress import Progress
from agents.report.compare import compare
from agents.report.examples import write_example
from agents.report.pictures import success_curve_picture
from agents.report.table import format_table
from envs.clip import Clip
from envs.datasets.base import Part, load_clips
from envs.metrics.norms import norms
from envs.metrics.quality import psnr, ssim
from envs.metrics.summary import success_curve, summary

log = logging.getLogger(__name__)
Record = dict[str, Any]


def attack_clips(
    attack: Attack,
    setting: Setting,
    part: Part,
    clips: int,
    *,
    seed: int,
    width: int,
    on_result: Callable[[Record, AttackResult], None] | None = None,
) -> list[Record]:
    """Attack the first `clips` clips of a part (0 = all), `width` side by side.

    A clip that cannot be read is passed over with a warning. `on_result` is called as each clip
    ends. Records come back in the order of the clips, whatever the width.
    """
    dataset = setting.dataset(part)
    count = min(clips or len(dataset), len(dataset))
    order: list[str] = []
    records: dict[str, Record] = {}

    def chosen() -> Iterator[Clip]:
        for clip in load_clips(dataset, range(count)):
            order.append(clip.id)
            yield clip

    bar = Progress(f"{attack.name} on {part} clips", count, "clips", leave=part == "test")
    flipped = queries = attacked = 0
    for _, result in attack.run_many(setting.victim, chosen(), seed, width):
        record = make_record(attack.name, setting, result, seed)
        records[record["id"]] = record
        if on_result is not None:
            on_result(record, result)
        attacked += record["attacked"]
        flipped += record["success"]
        queries += record["queries"]
        bar.advance(1, success=flipped / max(attacked, 1), queries=queries)
    bar.close()
    return [records[clip] for clip in order]


def left_out(records: Sequence[Record]) -> str:
    """One line: how many clips were not attacked, and why."""
    wrong = sum(not record["clean_right"] for record in records)
    there = sum(record["clean_right"] and not record["attacked"] for record in records)
    also = f", {there} that are of the target class" if there else ""
    return f"Left out: {wrong} of {len(records)} clips, which the victim gets wrong{also}."


def make_record(name: str, setting: Setting, result: AttackResult, seed: int) -> Record:
    """The raw record of one clip, plain values only."""
    ledger = result.ledger
    success = result.attacked and ledger.best is not None
    assert ledger.clean_scores is not None  # every attack begins with the clean query
    record: Record = {
        "attack": name,
        "id": ledger.clip.id,
        "label": ledger.clip.label,
        "class": setting.victim.classes[ledger.clip.label],
        "target": ledger.goal.target,
        "attacked": result.attacked,
        "success": success,
        "queries": ledger.spent,
        "first_success": ledger.first_success if success else None,
        "budget": ledger.budget,
        "seed": seed,
        "clean_prediction": int(np.argmax(ledger.clean_scores)),
        "clean_right": int(np.argmax(ledger.clean_scores)) == ledger.clip.label,
    }
    if success:
        assert ledger.best is not None and ledger.best_scores is not None  # success says so
        record |= {
            "prediction": int(np.argmax(ledger.best_scores)),
            **norms(ledger.clip.frames, ledger.best),
            "ssim": ssim(ledger.clip.frames, ledger.best),
            "psnr": psnr(ledger.clip.frames, ledger.best),
        }
    return record


def evaluate(
    attacks: Sequence[Attack], setting: Setting, config: Mapping[str, Any], folder: Path
) -> dict[str, list[Record]]:
    """Run attacks on the same test clips with the same seeds; write records, pictures and a table.

    Args:
        attacks: the methods, in the order of the table.
        setting: what is attacked.
        config: keys clips, examples, seed, side_by_side.
        folder: receives records.jsonl, table.txt, table.md, success.png and examples/.

    Returns:
        Records of each attack by its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log.info(
        "attacking with %s, severity %s, budget %s", setting.config["distortion"]["_target_"],
        setting.severity, setting.game.budget,
    )  # fmt: skip
    found: dict[str, list[Record]] = {}
    with (folder / "records.jsonl").open("w") as lines:
        for attack in attacks:
            shown = [0]

            def keep(record: Record, result: AttackResult, shown: list[int] = shown) -> None:
                # Flushed line by line: what is done stays, whatever happens to the rest.
                lines.write(json.dumps(record) + "\n")
                lines.flush()
                if record["success"] and result.notes and shown[0] < config["examples"]:
                    shown[0] += 1
                    write_example(folder / "examples", record, result, setting.victim.classes)

            found[attack.name] = attack_clips(
                attack, setting, "test", config["clips"],
                seed=config["seed"], width=config["side_by_side"], on_result=keep,
            )  # fmt: skip
    rows = [{"attack": name, **summary(records)} for name, records in found.items()]
    if any(row["attacked"] for row in rows):
        curves = {name: success_curve(records) for name, records in found.items()}
        success_curve_picture(folder / "success.png", curves, setting.game.budget)
    ours, *others = found.values()
    notes = [left_out(ours), *(compare(ours, theirs) for theirs in others)]
    for name, markdown in (("table.txt", False), ("table.md", True)):
        text = "\n\n".join([format_table(rows, markdown), *notes])
        (folder / name).write_text(text + "\n")
    print(format_table(rows), *notes, f"records, table and examples: {folder}", sep="\n")
    return found
