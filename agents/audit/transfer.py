"""Do its clips fool another victim? `python -m video_attack.agents.transfer RUN_FOLDER model=...`.

Shows the clip files of an evaluation's successes to another victim, each with its clean clip, and
writes transfer.txt and transfer.md into the run's folder. Takes the keys of `model` and `defence`; a
model of your own is found by `hydra.searchpath=[file:///its/conf]`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from video_attack.agents.configs.command_line import plain_errors, prepare
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.files import write_whole
from video_attack.agents.core.shell import open_shell
from video_attack.agents.core.trust import CONF
from video_attack.agents.report.layout import lay_out
from video_attack.agents.report.run_files import read_clip
from video_attack.agents.setup.attack_setup import make_victim
from video_attack.envs.metrics.rates import clopper_pearson
from video_attack.envs.metrics.record import Record, read_records
from video_attack.envs.victims.base import Victim


def transfer(folder: Path, records: Sequence[Record], victim: Victim) -> tuple[int, int, int]:
    """Count one attack's successes, those that can be shown, and those that fool this victim too.

    A success can be shown when the victim has a class of the same name and gets the clean clip
    right. It is fooled when it takes the adversarial clip for any other class.

    Args:
        folder: the run's; the records' files are relative to it.
        records: of one attack.
        victim: the other one; it gets two clips a success.

    Returns:
        (successes, shown, fooled).

    Raises:
        ConfigError: the clips have another size than this victim's.
        TrustError: a record names a file outside of the folder.
    """
    names = {name: index for index, name in enumerate(victim.classes)}
    sampling = victim.sampling
    wanted = (sampling.frames, sampling.size, sampling.size, 3)
    successes = [record for record in records if record["success"]]
    shown = fooled = 0
    for record in successes:
        if record["class"] not in names:
            continue
        label = names[record["class"]]
        clean, clip = (read_clip(folder, record[key]) for key in ("clean_file", "clip_file"))
        if clip.shape != wanted:
            raise ConfigError(
                f"the clips are {clip.shape}, this victim takes {wanted}: name one of the same size "
                "(model.frames, model.size)"
            )
        if victim.scores(clean[None])[0].argmax() == label:
            shown += 1
            fooled += int(victim.scores(clip[None])[0].argmax() != label)
    return len(successes), shown, fooled


def table(folder: Path, victim: Victim, markdown: bool = False) -> str:
    """One line an attack: the share of its shown successes that fool this victim too [95 %].

    Raises:
        ConfigError: the folder holds no record of a success.
    """
    path = folder / "records.jsonl"
    records = list(read_records(path, torn=True)) if path.exists() else []
    if not any(record.get("clip_file") for record in records):
        raise ConfigError(f"{folder} has no clip to show: name the folder of an evaluation")
    rows = [["attack", "successes", "shown", "fooled", "transfer rate [95 % interval]"]]
    for name in dict.fromkeys(record["attack"] for record in records):
        own = [record for record in records if record["attack"] == name]
        made, shown, fooled = transfer(folder, own, victim)
        low, high = clopper_pearson(fooled, shown)
        rate = f"{100 * fooled / shown:.1f} % [{100 * low:.1f}, {100 * high:.1f}]" if shown else "-"
        rows.append([name, str(made), str(shown), str(fooled), rate])
    return lay_out(rows, markdown)


def main(arguments: Sequence[str]) -> None:
    """Print and write the table."""
    prepare()
    folder = Path(arguments[0]) if arguments else Path()
    if not arguments or "=" in arguments[0]:
        raise ConfigError(
            "which run? Write: python -m video_attack.agents.transfer RUN_FOLDER model=..."
        )
    with initialize_config_dir(str(CONF), version_base=None):
        found = compose("evaluate", [*arguments[1:], "checkpoint=null"])
    config: Any = {
        key: OmegaConf.to_container(found[key], resolve=True, throw_on_missing=True)
        for key in ("model", "defence")
    }
    victim = make_victim(config)
    title = (
        f"Clips of {folder.name} shown to {config['model']['_target_']}; shown: it has the class and "
        "gets the clean clip right."
    )
    for name, markdown in (("transfer.txt", False), ("transfer.md", True)):
        write_whole(folder / name, f"{title}\n\n{table(folder, victim, markdown)}\n".encode())
    print((folder / "transfer.txt").read_text(), end="")


if __name__ == "__main__":
    open_shell()
    with plain_errors():
        main(sys.argv[1:])
