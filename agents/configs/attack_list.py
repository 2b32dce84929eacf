"""The attacks of a command, in the words that Hydra knows.

Hydra's own list is `attack=[a,b]`, each attack's keys standing at `attacks.a.key`. Shorter, and turned into
it here: `attack=a,b`, and `attack.key` where one attack is chosen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import ChoiceSweep, Override
from omegaconf import DictConfig

from video_attack.agents.core.errors import ConfigError


@dataclass(frozen=True)
class Names:
    """The attacks of a run.

    Attributes:
        all: by name.
        bare: one stands at `attack` itself, its file having no `# @package attacks.<name>`.
    """

    all: tuple[str, ...]
    bare: bool


def one_attack_list(given: Sequence[Override]) -> list[str]:
    """Overrides in which several attacks are Hydra's list.

    Raises:
        ConfigError: an attack is named twice, or cannot be among others.
    """
    lines = [str(override.input_line) for override in given]
    for place, override in enumerate(given):
        if override.key_or_group != "attack" or override.package or override.is_delete():
            continue
        value = override.value()
        parts = value.list if isinstance(value, ChoiceSweep) else [value]
        names = [n for part in parts for n in re.split(r"[,\s\[\]'\"]+", str(part)) if n]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ConfigError(f"attack={','.join(names)}: name {twice} once")
        if len(names) > 1 and "none" in names:
            raise ConfigError(
                "attack=none measures without an attacker: run it without other attacks"
            )
        if value is not None:
            lines[place] = f"attack=[{','.join(names)}]"
    return lines


def listed(group: str, given: Sequence[Override]) -> list[str]:
    """Overrides in which `group=a,b` and `group=a` are Hydra's list; `group=null` is an empty one."""
    lines = [str(override.input_line) for override in given]
    for place, override in enumerate(given):
        if override.key_or_group == group and not override.package and not override.is_delete():
            value = override.value()
            parts = value.list if isinstance(value, ChoiceSweep) else [value]
            names = [n for part in parts for n in re.split(r"[,\s\[\]'\"]+", str(part)) if n]
            lines[place] = f"{group}=[{','.join(n for n in dict.fromkeys(names) if n != 'None')}]"
    return lines


def attack_names(run: DictConfig) -> Names:
    """The attacks of a composed configuration."""
    return Names(tuple(map(str, run.attacks)), run.attack is not None)


def value_of(line: str) -> str:
    """What stands after the first equals sign."""
    return line.partition("=")[2]


def to_the_right_attack(given: Sequence[Override], names: Names) -> list[str]:
    """Overrides with `attack.key` and `attacks.name.key` as they stand in the configuration.

    The key `codec_in_loop`, which is no attack's own, is admitted to each. `attack.margin` is the run's own
    key `margin`: a success must be the same thing for all attacks. `attack.surrogate=r3d` takes the
    group `model` for the surrogate of an attack that has one.

    Raises:
        ConfigError: a key is addressed to no attack, or to the wrong one.
    """
    named = {override.package.removeprefix("attacks.") for override in given if override.package}
    chosen = [name for name in names.all if name not in named]
    lines = []
    for override in given:
        line = str(override.input_line)
        group, _, key = override.key_or_group.partition(".")
        if group in ("attack", "attacks") and key.split(".")[-1] == "margin":
            line = f"margin={value_of(line)}"
        elif group in ("attack", "attacks") and key:
            value = line.partition("=")[2]
            if group == "attack" and not names.bare:
                if len(chosen) != 1:
                    several = chosen or ["NAME"]
                    raise ConfigError(
                        f"{line}: of which attack? Write attacks.{several[0]}.{key}={value}"
                    )
                line = re.sub(r"^([+~]*)attack\.", rf"\g<1>attacks.{chosen[0]}.", line)
            elif group == "attacks" and key.split(".")[0] not in names.all:
                name, _, own = key.partition(".")
                one = "attack" if names.bare else f"attacks.{names.all[0]}" if names.all else "NAME"
                among = ", ".join(names.all) or "the one attack"
                raise ConfigError(
                    f"{line}: {name} is not among the attacks of this run ({among}): write {one}.{own}, "
                    f"or choose it by attack=[...,{name}]"
                )
            key = line.lstrip("+").partition("=")[0]
            if key.split(".")[-1] == "surrogate" and re.fullmatch(r"\w+", value_of(line)):
                line = f"model@{key}={value_of(line)}"
            if key.split(".")[-1] == "codec_in_loop":
                line = f"++{line.lstrip('+')}"
        lines.append(line)
    return lines
