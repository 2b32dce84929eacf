"""Evaluation: attacks on the same held-out clips; records as they come, then all that they say."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from video_attack.agents.attacks.base import Attack, AttackResult
from video_attack.agents.core.errors import USER_ERRORS, AttackError, IncompleteError
from video_attack.agents.core.files import write_whole
from video_attack.agents.evaluation.arena import Contender, watch
from video_attack.agents.evaluation.records import RecordFile, write_csv
from video_attack.agents.evaluation.workers import LocalRunner, ParallelRunner, check_workers
from video_attack.agents.report.clips import keep_files
from video_attack.agents.report.compare import compare
from video_attack.agents.report.examples import SHOWN, write_example
from video_attack.agents.report.figures.pictures import success_curve_picture
from video_attack.agents.report.html.page import write_report
from video_attack.agents.report.table import format_table, row
from video_attack.agents.report.tradeoff import tradeoff_tables
from video_attack.agents.setup.attack_setup import AttackSetup, build_lpips
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.metrics.doubts import doubts
from video_attack.envs.metrics.hints import hints
from video_attack.envs.metrics.record import Draft
from video_attack.envs.metrics.summary import success_curve
from video_attack.envs.metrics.tradeoff import FOLLOWED

log = logging.getLogger(__name__)
# Errors that would meet every attack alike.
FATAL = (*USER_ERRORS, OSError, MemoryError)


def evaluate(
    attacks: Sequence[Attack],
    setup: AttackSetup,
    config: Mapping[str, Any],
    folder: Path,
    *,
    resume: bool = False,
) -> dict[str, list[Draft]]:
    """Run attacks on the same test clips with the same seeds; write records, files and the report.

    Args:
        attacks: the methods, in the order of the table.
        setup: what is attacked.
        config: keys clips, examples, seed, side_by_side; also workers (with worker_gpus and
            ray_address), file_check, lpips and lpips_linear, where they are there.
        folder: receives records.jsonl and, for each success, what `keep_files` writes; at the end
            records.csv, table.txt, table.md, success.png and report.html.
        resume: keep the records that are there, and attack only the clips that lack one.

    Returns:
        Records of each attack by its name, in the order of the clips.

    Raises:
        DatasetError: there is no clip, or none can be read.
        VictimError: a file of LPIPS is missing or does not fit; nothing was attacked.
        IncompleteError: an attack failed; all others, and the report, are done.
    """
    if "workers" in config:
        check_workers(config)
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        for name in ("clips", "notes", "examples"):
            shutil.rmtree(folder / name, ignore_errors=True)
    for rest_of_kill in folder.rglob(".*.part"):
        rest_of_kill.unlink()
    log.info(
        "attacking with %s, severity %s, budget %s", setup.config["distortion"]["_target_"],
        setup.severity, setup.game.budget,
    )  # fmt: skip
    dataset = setup.dataset("test")
    count = min(config["clips"] or len(dataset), len(dataset))
    failed: list[str] = []
    with RecordFile(folder / "records.jsonl", resume) as kept:
        rest = {
            attack.name: sorted(
                set(range(count)) - {record["index"] for record in kept.of(attack.name, count)}
            )
            for attack in attacks
        }
        # LPIPS and workers take a while to start, for nothing when a finished run only reports again.
        busy = any(rest.values())
        lpips = build_lpips(config) if busy else None
        shared = busy and config.get("workers")
        with (
            ParallelRunner(config, lpips) if shared else LocalRunner(setup, config, lpips) as runner
        ):
            for attack in attacks:
                contender = (
                    attack if isinstance(attack, Contender) else Contender(attack.name, attack)
                )
                before = kept.of(attack.name, count)
                found = runner.outcomes(contender, rest[attack.name])
                try:
                    for record, result in watch(found, attack.name, count, before, leave=True):
                        keep(record, result, kept, setup, config, folder)
                except FATAL:
                    raise
                except Exception as error:
                    log.exception("%s failed; its finished records are kept", attack.name)
                    named = isinstance(error, AttackError)
                    failed.append(str(error) if named else f"{attack.name} failed: {error}")
        kept.in_order([attack.name for attack in attacks])
        records = {attack.name: kept.of(attack.name, count) for attack in attacks}
    if any(records.values()):
        report(records, setup, folder)
    elif not failed:
        raise DatasetError("no test clip could be read: give a data set that has some")
    if failed:
        raise IncompleteError(
            f"{'; '.join(failed)}. The other records are in {folder}: mend it, then go on with "
            "resume=true"
        )
    return records


def keep(
    record: Draft,
    result: AttackResult,
    kept: RecordFile,
    setup: AttackSetup,
    config: Mapping[str, Any],
    folder: Path,
) -> None:
    """Write what there is of one clip; its record last, since a clip that has one is done."""
    name = record["attack"]
    record |= {"clip_file": None, "clean_file": None, "notes_file": None}
    if record["success"]:
        record |= keep_files(folder, name, result)
        shown = len(list((folder / "examples").glob(f"{name}_*.mp4")))
        if shown < config["examples"] and result.notes.keys() >= SHOWN:
            write_example(folder / "examples", record, result, setup.victim.classes)
    kept.add(record)


def report(found: Mapping[str, list[Draft]], setup: AttackSetup, folder: Path) -> None:
    """Write and print what the records say: curves, tables, comparisons."""
    found = {name: records for name, records in found.items() if records}
    write_csv(folder / "records.csv", [record for records in found.values() for record in records])
    if any(record["attacked"] for records in found.values() for record in records):
        curves = {name: success_curve(records) for name, records in found.items()}
        success_curve_picture(folder / "success.png", curves, setup.game.budget)
    rows = [row(name, records) for name, records in found.items()]
    first = next(iter(found.values()))
    labels, answers = ([record[key] for record in first] for key in ("label", "clean_prediction"))
    notes = doubts(labels, answers, setup.victim.classes)
    for name, markdown in (("table.txt", False), ("table.md", True)):
        parts = [
            *tradeoff_tables(found, FOLLOWED[setup.game.norm], markdown),
            *format_table(rows, markdown), left_out(first), *notes, *compare(found, markdown),
            *hints(found, setup.victim.feedback),
        ]  # fmt: skip
        write_whole(folder / name, ("\n\n".join(parts) + "\n").encode())
    page = write_report(folder)
    # Shown last, since all that is shown is in the files.
    print(*parts, f"records, tables, clips: {folder}\nto look at: {page}", sep="\n\n")


def left_out(records: Sequence[Draft]) -> str:
    """One line: how many clips were not attacked, and why."""
    wrong = sum(not record["clean_right"] for record in records)
    there = sum(record["clean_right"] and not record["attacked"] for record in records)
    also = f", {there} that are of the target class" if there else ""
    return f"Left out: {wrong} of {len(records)} clips, which the victim gets wrong{also}."
