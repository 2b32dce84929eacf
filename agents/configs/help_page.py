"""What `--help` says of a command: the groups that it takes, their choices, and what each key means."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from video_attack.agents.configs.carried import NAME
from video_attack.agents.configs.spelling import LISTS, parse
from video_attack.agents.core.trust import CONF

FRAGMENTS = ("base", "carried", "hydra")


def help_page(command: str) -> str:
    """The text of `python train.py --help` and the like, for Hydra's template.

    Args:
        command: name of the configuration: train, evaluate or finetune.
    """
    lines = (CONF / f"{command}.yaml").read_text(encoding="utf-8").splitlines()
    groups = {group: choices(group) for group in groups_of(command)}
    if "experiment" in groups:
        groups["experiment"] = [n for n in groups["experiment"] if fits(command, n)]
    width = max(map(len, groups))
    page = [lines[0].lstrip("# "), "", "Groups, chosen by group=choice:"]
    page += [f"  {group:{width}}  {' '.join(names)}" for group, names in groups.items() if names]
    page += ["", "Keys of the command, changed by key=value:", *own_keys(lines)]
    for group, name in chosen(command):
        if group in groups:
            page += ["", f"Keys of {group}={name}, changed by {prefix(group, name)}.key=value:"]
            page += file_keys(CONF / group / f"{name}.yaml")
    page += [
        "",
        "With other choices before --help, their keys are shown; --cfg job shows the whole.",
    ]
    return "\n".join(page).replace("$", "$$")  # Hydra fills in a template


def groups_of(command: str) -> list[str]:
    """The config groups that a command takes."""
    listed = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))["defaults"]
    keys = [key for entry in listed if isinstance(entry, dict) for key in entry]
    names = [key.removeprefix("override ") for key in keys]
    return [n for n in names if n.split("/")[0] not in FRAGMENTS and not n.startswith("optional ")]


def choices(group: str) -> list[str]:
    """The choices of a group, those of the user's folders included."""
    if GlobalHydra.instance().is_initialized():
        found = GlobalHydra.instance().config_loader().get_group_options(group)
        return [name for name in found if name != NAME]
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def chosen(command: str) -> list[tuple[str, str]]:
    """Group and name of each choice: the command's, or that of its defaults."""
    listed = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))["defaults"]
    found = {k: v for entry in listed if isinstance(entry, dict) for k, v in entry.items()}
    if HydraConfig.initialized():
        found |= {k: v for k, v in HydraConfig.get().runtime.choices.items() if k in found}
        given = [parse(line) for line in HydraConfig.get().overrides.task]  # has lists as well
        found |= {o.key_or_group: o.value() for o in given if o.key_or_group in found}
    names = [(k, n) for k, v in found.items() for n in (v if isinstance(v, list) else [v])]
    return [(k, n) for k, n in names if n and (CONF / k / f"{n}.yaml").exists()]


def fits(command: str, preset: str) -> bool:
    """Whether a preset that ships sets only what the command has; a user's own always does."""
    file = CONF / "experiment" / f"{preset}.yaml"
    if not file.exists():
        return True
    from video_attack.agents.configs.schema import SCHEMAS

    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {*values} - {"defaults"} <= {field.name for field in fields(SCHEMAS[command])}


def prefix(group: str, name: str) -> str:
    """Where the keys of a choice stand."""
    return f"{group}s.{name}" if group in LISTS else group


def own_keys(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a command's own keys."""
    start = next(i for i, line in enumerate(lines) if line == "") + 1
    for line in lines[start:]:
        if line.startswith("hydra:"):
            return
        if line:
            yield f"  {line}"


def file_keys(file: Path) -> Iterator[str]:
    """The lines of a choice's keys, those of the fragments that it builds on first."""
    lines = file.read_text(encoding="utf-8").splitlines()
    inside = False
    for line in lines:
        inside = line == "defaults:" or (inside and line.startswith(("  -", "#")))
        if inside and line.startswith("  - ") and "_self_" not in line:
            name = line.removeprefix("  - ").partition("@")[0]
            yield from file_keys(
                CONF / f"{name[1:]}.yaml" if name[0] == "/" else file.with_stem(name)
            )
        elif not inside and line and not line.startswith("#"):
            yield f"  {line}"
